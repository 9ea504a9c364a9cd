"""Writes the references beside this script: what PIL, tokenizers and transformers make of small inputs.

  pip install transformers==5.24.0 tokenizers==0.23.3 pillow==13.0.0 numpy
  python make_references.py

Pictures are computed, texts are written here: nothing comes from a data set.
"""
import base64
import io
import json
import pathlib

import numpy as np
import tokenizers
from PIL import Image, ImageOps
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

here = pathlib.Path(__file__).parent
random = np.random.default_rng(7)


def b64(data):
    return base64.b64encode(bytes(data)).decode()


def write(name, value):
    (here / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def smooth(width, height, channels):
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 120 * np.sin(x / (3 + c) + c) * np.cos(y / (4 - c / 2)) for c in range(channels)]
    return np.stack(planes, -1).round().clip(0, 255).astype(np.uint8)


def encoded(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def pictures():
    colours = Image.fromarray(smooth(13, 9, 3))
    opacity = Image.fromarray(np.concatenate([smooth(13, 9, 3), random.integers(0, 256, (9, 13, 1), np.uint8)], -1))
    grey = Image.fromarray(smooth(13, 9, 1)[..., 0])
    palette = colours.quantize(7)
    keyed = palette.copy()
    exif = Image.Exif()
    cases = {
        "colours": encoded(colours, format="png"),
        "opacity": encoded(opacity, format="png"),
        "grey": encoded(grey, format="png"),
        "grey and opacity": encoded(opacity.convert("LA"), format="png"),
        "one bit": encoded(grey.convert("1"), format="png"),
        "palette": encoded(palette, format="png"),
        "palette of two bits": encoded(colours.quantize(3), format="png", bits=2),
        "palette with transparency": encoded(keyed, format="png", transparency=bytes([0, 120, 255])),
        "sixteen bits of grey": encoded(Image.fromarray(random.integers(0, 600, (9, 13)).astype(np.uint16)), format="png"),
        "a transparent colour": encoded(colours, format="png", transparency=colours.getpixel((0, 0))),
    }
    for orientation in range(1, 9):
        exif[274] = orientation
        cases[f"jpeg turned {orientation}"] = encoded(
            Image.fromarray(smooth(21, 14, 3)), format="jpeg", quality=95, exif=exif, subsampling=0
        )
    large = Image.fromarray(smooth(37, 29, 3))
    for name, sampling in {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}.items():
        cases[f"jpeg {name}"] = encoded(large, format="jpeg", quality=90, subsampling=sampling)
    cases["jpeg progressive"] = encoded(large, format="jpeg", quality=90, progressive=True)
    cases["jpeg grey"] = encoded(large.convert("L"), format="jpeg", quality=90)
    cases["jpeg 4:1:1"] = encoded(large, format="jpeg", quality=70, subsampling="4:1:1")
    cases["jpeg of red, green and blue"] = encoded(large, format="jpeg", quality=90, keep_rgb=True)
    cases["jpeg with restarts"] = encoded(large, format="jpeg", quality=60, restart_marker_blocks=2)
    cases["jpeg grey, progressive, one pixel wide"] = encoded(large.convert("L").crop((0, 0, 1, 29)), format="jpeg", progressive=True)
    result = []
    for name, file in cases.items():
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        case = {"name": name, "file": b64(file), "size": image.size, "rgb": b64(image.convert("RGB").tobytes())}
        case["grey"] = b64(image.convert("RGB").convert("L").tobytes())
        if "A" in image.getbands() or "transparency" in image.info:
            white = Image.new("RGBA", image.size, (255, 255, 255, 255))
            case["white"] = b64(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB").tobytes())
        result.append(case)
    write("pictures.json", result)


def resampled():
    filters = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
    result = []
    sizes = [((16, 16), (20, 20)), ((25, 33), (20, 20)), ((11, 9), (16, 16)), ((40, 7), (5, 19)), ((6, 53), (34, 17)), ((3, 1), (1, 5))]
    for (width, height), to in sizes:
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
        for name, number in filters.items():
            made = image.resize(to, number)
            result.append({"from": [width, height], "pixels": b64(image.tobytes()), "to": to, "filter": name, "made": b64(made.tobytes())})
    write("resampled.json", result)


def processed():
    from transformers import BitImageProcessorPil, CLIPImageProcessorPil, DeiTImageProcessorPil, ViTImageProcessorPil

    square = {"height": 8, "width": 8}
    cases = [
        (ViTImageProcessorPil, {"size": square}),
        (ViTImageProcessorPil, {"size": square, "resample": 3, "do_normalize": False}),
        (ViTImageProcessorPil, {"size": square, "do_rescale": False, "image_mean": [100, 110, 120], "image_std": [50, 60, 70]}),
        (ViTImageProcessorPil, {"size": square, "rescale_factor": 1 / 127.5, "do_normalize": False, "resample": 0}),
        (DeiTImageProcessorPil, {"size": {"height": 11, "width": 10}, "crop_size": square}),
        (DeiTImageProcessorPil, {"size": {"height": 5, "width": 6}, "crop_size": square}),
        (CLIPImageProcessorPil, {"size": {"shortest_edge": 9}, "crop_size": square}),
        (BitImageProcessorPil, {"size": {"shortest_edge": 8}, "crop_size": square, "resample": 1}),
        (CLIPImageProcessorPil, {"size": {"shortest_edge": 9, "longest_edge": 12}, "crop_size": square}),
    ]
    result = []
    for kind, options in cases:
        processor = kind(**options)
        for width, height in [(13, 9), (9, 21), (8, 8)]:
            image = Image.fromarray(smooth(width, height, 3))
            values = processor(image, return_tensors="np")["pixel_values"][0].astype("<f4")
            config = json.loads(processor.to_json_string())
            result.append({"config": config, "file": b64(encoded(image, format="png")), "values": b64(values.tobytes())})
    write("processed.json", result)


corpus = """The quick brown fox jumps over the lazy dog, and 12 other foxes don't mind at all.
Ships sail slowly; their captains' logs say little about 3 storms in 1851 and 2 calm weeks.
A naïve café owner counts coins: ½ of them are gone! Why? Nobody knows... (perhaps they never were)
une élève écrit à son père, ein Mädchen läßt grüßen, 東京 は 大きい 都市 です, привет мир, ΟΔΟΣ και ΣΟΦΙΑ""".split("\n")

texts = [
    "",
    " ",
    "The quick brown fox",
    "  two  spaces, a\ttab\nand\r\nlines  ",
    "Café naïve — 3rd BOAT's ½, 中文 𠀀 ok! 🐋👩‍👧 <x>[MASK]</x> don't",
    "ΟΔΟΣ ΣΟΦΙΑΣ İstanbul ﬁne ℌ ①②③ ｆｕｌｌ",
    "\ufeffbyte order\u0085mark\u00a0and\u2028more\u200bzero\u0000null\u00ad",
    "a[MASK]b [MASK] wordy word words, word. sword  [SPECIAL]  end",
    "1234567890 12.5% $5 -- ...!?(x) a_b-c `quoted` ^^",
    "e\u0301cole A\u030angstro\u0308m \u0634\u064e \u0e01\u0e33",
    "supercalifragilisticexpialidocious" * 4,
]


def tokenised():
    result = []

    def case(name, tokenizer, config=None, pairs=True):
        inputs = []
        for i, text in enumerate(texts):
            for most in (None, 7):
                pair = texts[-2 - i % 5] if pairs and i % 2 else None
                if most is None:
                    tokenizer.no_truncation()
                else:
                    tokenizer.enable_truncation(most)
                made = tokenizer.encode(text, pair)
                inputs.append({"text": text, "pair": pair, "most": most, "ids": made.ids, "types": made.type_ids})
        tokenizer.no_truncation()
        result.append({"name": name, "tokenizer": json.loads(tokenizer.to_str()), "config": config or {}, "inputs": inputs})

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

    def wordpiece(normalizer, pre, size=220):
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre
        tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False))
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        return tokenizer

    bert = pre_tokenizers.BertPreTokenizer
    for lower in (True, False):
        for accents in (None, True, False):
            normal = normalizers.BertNormalizer(lowercase=lower, strip_accents=accents)
            case(f"BERT, lower case {lower}, accents {accents}", wordpiece(normal, bert()))
    case("BERT without cleaning", wordpiece(normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False), bert()))
    tokenizer = wordpiece(normalizers.BertNormalizer(), bert())
    tokenizer.add_tokens([AddedToken("word", single_word=True), AddedToken("Café", normalized=True), AddedToken("SHIP", normalized=False)])
    tokenizer.add_special_tokens([AddedToken("[SPECIAL]", lstrip=True, rstrip=True), AddedToken("[MASK]", lstrip=True)])
    case("added tokens", tokenizer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    case("BertProcessing", tokenizer)
    tokenizer.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    case("RobertaProcessing", tokenizer)
    pres = {
        "Whitespace": pre_tokenizers.Whitespace(),
        "WhitespaceSplit": pre_tokenizers.WhitespaceSplit(),
        "words and digits": pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]),
        "runs of digits": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits()]),
        "an own expression": pre_tokenizers.Split(tokenizers.Regex(r"[^\s]+|\s+"), "isolated"),
        "what is between": pre_tokenizers.Split(tokenizers.Regex(r"\w+"), "removed", invert=True),
    }
    for behaviour in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"):
        pres[f"Punctuation {behaviour}"] = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(behaviour)])
        pres[f"Split {behaviour}"] = pre_tokenizers.Split(" ", behaviour)
    for name, pre in pres.items():
        case(name, wordpiece(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre))
    normals = [
        normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents()]),
        normalizers.Sequence([normalizers.Replace(tokenizers.Regex(" {2,}"), " "), normalizers.Replace("'", "’"), normalizers.NFKD()]),
        normalizers.Sequence([normalizers.NFC(), normalizers.Strip(left=True, right=False), normalizers.Prepend("_")]),
    ]
    for i, normal in enumerate(normals):
        case(f"normalisers {i}", wordpiece(normal, bert()))

    def byte_level(pre, size=320, **options):
        tokenizer = Tokenizer(models.BPE(**options))
        tokenizer.pre_tokenizer = pre
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(corpus, trainer)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer

    case("byte level", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)))
    case("byte level with a prefix space", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)))
    llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    split = pre_tokenizers.Split(tokenizers.Regex(llama3), "isolated")
    tokenizer = byte_level(pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])]
    )
    case("Llama 3", tokenizer)

    def sentencepiece_bpe(**options):
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        specials = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
        tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=420, special_tokens=specials, show_progress=False))
        return tokenizer

    case("Llama", sentencepiece_bpe())
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(corpus[:2], trainers.BpeTrainer(vocab_size=150, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False))
    case("BPE with unknown characters fused, ends of words marked", tokenizer)

    for scheme, split_words in (("always", True), ("first", True), ("never", False)):
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split_words)
        tokenizer.train_from_iterator(
            corpus, trainers.UnigramTrainer(vocab_size=120, special_tokens=["<unk>", "<s>", "</s>", "[MASK]"], unk_token="<unk>", show_progress=False)
        )
        case(f"Unigram, prefix {scheme}, split {split_words}", tokenizer)
    words = {word: i for i, word in enumerate(["[UNK]", "The", "quick", "word", "end"])}
    tokenizer = Tokenizer(models.WordLevel(words, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    case("WordLevel", tokenizer)
    write("tokenised.json", result)


pictures()
resampled()
processed()
tokenised()
