"""What transformers computes, for references.json: run by hand where a case is added, never by the tests.

python -m venv v && v/bin/pip install transformers==5.24.0 torch && v/bin/python references.py

A case is a configuration, the names and shapes of the tensors that save_pretrained writes, and float64 outputs; the first of
a family also has each key of its config.json changed, one at a time, and what that does to the outputs. The values
of the tensors are not kept: both sides compute them from their names (references.ts).
"""
import json
import os
import struct
import tempfile

import numpy
import torch
import transformers
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = 2**32 - 1


def values(name, shape):
    """Numbers from -0.6 to 0.6, gains around 1: by a hash of the name and the place."""
    seed = 0
    for byte in name.encode():
        seed = (seed * 31 + byte) & MASK
    count = int(numpy.prod(shape)) if shape else 1
    x = (numpy.arange(count, dtype=numpy.uint64) * 2654435761 + seed) & MASK
    x ^= x >> numpy.uint64(15)
    x = (x * numpy.uint64(2246822519)) & MASK
    x ^= x >> numpy.uint64(13)
    gain = 1.0 if len(shape) == 1 and not name.endswith("bias") else 0.0
    return (gain + 1.2 * (x.astype(numpy.float64) / 2**32 - 0.5)).astype(numpy.float32).reshape(shape)


TEXT = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, vocab_size=20, max_position_embeddings=16)
LLAMA = dict(TEXT, hidden_size=16, num_attention_heads=4, num_key_value_heads=2)
DISTIL = dict(dim=8, n_layers=2, n_heads=2, hidden_dim=12, vocab_size=20, max_position_embeddings=16)
GPT2 = dict(n_embd=8, n_layer=2, n_head=2, vocab_size=20, n_positions=16, bos_token_id=0, eos_token_id=0)
NEO = dict(hidden_size=8, num_layers=2, num_heads=2, vocab_size=20, max_position_embeddings=16, bos_token_id=0, eos_token_id=0)
OPT = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, ffn_dim=12, vocab_size=20, max_position_embeddings=16)
IMAGE = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, image_size=8, patch_size=4, num_channels=2)
DINO = {key: value for key, value in dict(IMAGE, mlp_ratio=2).items() if key != "intermediate_size"}
SWIN = dict(embed_dim=8, depths=[2, 1], num_heads=[2, 4], window_size=2, mlp_ratio=1.5, image_size=16, patch_size=2, num_channels=1)
THREE = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
ONE = {"id2label": {0: "score"}, "label2id": {"score": 0}}
IDS = [3, 7, 1, 1, 19, 4, 12, 7, 5, 2]

# name, class, configuration, ids or none for an image
CASES = [
    ("bert", "BertForSequenceClassification", {**TEXT, **THREE}, IDS),
    ("bert regression", "BertForSequenceClassification", {**TEXT, **ONE}, IDS),
    ("bert multi-label", "BertForSequenceClassification", {**TEXT, **THREE, "problem_type": "multi_label_classification"}, IDS),
    ("bert causal", "BertForSequenceClassification", {**TEXT, **THREE, "is_decoder": True}, IDS),
    ("bert tokens", "BertForTokenClassification", {**TEXT, **THREE, "hidden_act": "silu"}, IDS),
    ("bert encoder", "BertModel", TEXT, IDS),
    ("distilbert", "DistilBertForSequenceClassification", {**DISTIL, **THREE}, IDS),
    ("distilbert sines, tokens", "DistilBertForTokenClassification", {**DISTIL, **THREE, "sinusoidal_pos_embds": True, "activation": "relu"}, IDS),
    ("roberta", "RobertaForSequenceClassification", {**TEXT, **THREE, "type_vocab_size": 1, "pad_token_id": 1}, [0, 7, 5, 9, 2]),
    ("roberta padding 3", "RobertaForSequenceClassification", {**TEXT, **THREE, "pad_token_id": 3}, [0, 7, 5, 9, 2]),
    ("roberta tokens", "RobertaForTokenClassification", {**TEXT, **THREE}, [0, 7, 5, 9, 2]),
    ("xlm-roberta", "XLMRobertaForSequenceClassification", {**TEXT, **ONE}, [0, 7, 5, 9, 2]),
    ("electra", "ElectraForSequenceClassification", {**TEXT, **THREE, "embedding_size": 6}, IDS),
    ("electra wide tables, tokens", "ElectraForTokenClassification", {**TEXT, **THREE, "embedding_size": 8}, IDS),
    ("albert", "AlbertForSequenceClassification", {**TEXT, **THREE, "embedding_size": 6}, IDS),
    ("albert groups", "AlbertForSequenceClassification", {**TEXT, **THREE, "embedding_size": 8, "num_hidden_layers": 3, "num_hidden_groups": 2, "inner_group_num": 2}, IDS),
    ("albert tokens", "AlbertForTokenClassification", {**TEXT, **THREE, "embedding_size": 6}, IDS),
    ("mpnet", "MPNetForSequenceClassification", {**TEXT, **THREE}, [0, 7, 5, 9, 5, 6, 7, 11, 12, 2]),
    ("mpnet tokens", "MPNetForTokenClassification", {**TEXT, **THREE, "max_position_embeddings": 40}, [0] + [4 + i % 16 for i in range(34)] + [2]),
    ("gpt2", "GPT2LMHeadModel", GPT2, IDS),
    ("gpt2 scales, untied", "GPT2LMHeadModel", {**GPT2, "scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False, "n_inner": 12, "tie_word_embeddings": False}, IDS),
    ("gpt2 classes", "GPT2ForSequenceClassification", {**GPT2, **THREE, "pad_token_id": 2}, IDS),
    ("gpt2 classes without padding", "GPT2ForSequenceClassification", {**GPT2, **THREE}, IDS),
    ("gpt2 tokens", "GPT2ForTokenClassification", {**GPT2, **THREE, "activation_function": "relu"}, IDS),
    ("gpt-neo", "GPTNeoForCausalLM", {**NEO, "attention_types": [[["global", "local"], 1]], "window_size": 3}, IDS),
    ("gpt-neo classes", "GPTNeoForSequenceClassification", {**NEO, **THREE, "attention_types": [[["local"], 1], [["global"], 1]], "window_size": 4, "intermediate_size": 12, "pad_token_id": 5}, IDS),
    ("gpt-neox", "GPTNeoXForCausalLM", {**TEXT, "hidden_size": 16}, IDS),
    ("gpt-neox in turn, no biases", "GPTNeoXForCausalLM", {**TEXT, "use_parallel_residual": False, "attention_bias": False, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 1.0}, "tie_word_embeddings": True}, IDS),
    ("gpt-neox classes", "GPTNeoXForSequenceClassification", {**TEXT, **THREE, "hidden_size": 16, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0, "partial_rotary_factor": 0.5}}, IDS),
    ("opt", "OPTForCausalLM", OPT, IDS),
    ("opt after, no biases", "OPTForCausalLM", {**OPT, "do_layer_norm_before": False, "enable_bias": False, "activation_function": "gelu"}, IDS),
    ("opt classes", "OPTForSequenceClassification", {**OPT, **THREE, "_remove_final_layer_norm": True}, IDS),
    ("llama", "LlamaForCausalLM", LLAMA, IDS),
    ("llama biases, one key head", "LlamaForCausalLM", {**LLAMA, "attention_bias": True, "mlp_bias": True, "num_key_value_heads": 1, "head_dim": 6, "tie_word_embeddings": True, "hidden_act": "gelu"}, IDS),
    ("llama linear", "LlamaForCausalLM", {**LLAMA, "rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 200.0}}, IDS),
    ("llama dynamic", "LlamaForCausalLM", {**LLAMA, "rope_parameters": {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 200.0}}, IDS),
    ("llama 3", "LlamaForCausalLM", {**LLAMA, "head_dim": 8, "rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 50.0}}, IDS),
    ("llama yarn", "LlamaForCausalLM", {**LLAMA, "head_dim": 8, "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 50.0, "beta_fast": 2.0, "beta_slow": 0.5}}, IDS),
    ("llama yarn, magnitudes", "LlamaForCausalLM", {**LLAMA, "head_dim": 8, "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 50.0, "mscale": 0.7, "mscale_all_dim": 0.4, "truncate": False}}, IDS),
    ("llama classes", "LlamaForSequenceClassification", {**LLAMA, **THREE, "pad_token_id": 2}, IDS),
    ("llama regression", "LlamaForSequenceClassification", {**LLAMA, **ONE}, IDS),
    ("llama tokens", "LlamaForTokenClassification", {**LLAMA, **THREE}, IDS),
    ("mistral", "MistralForCausalLM", {**LLAMA, "sliding_window": 3}, IDS),
    ("mistral whole, classes", "MistralForSequenceClassification", {**LLAMA, **THREE, "sliding_window": None, "head_dim": 6, "pad_token_id": 0}, IDS),
    ("qwen2", "Qwen2ForCausalLM", {**LLAMA, "tie_word_embeddings": True}, IDS),
    ("qwen2 windows", "Qwen2ForCausalLM", {**LLAMA, "use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}, IDS),
    ("qwen3", "Qwen3ForCausalLM", {**LLAMA, "head_dim": 6}, IDS),
    ("qwen3 biases, windows, classes", "Qwen3ForSequenceClassification", {**LLAMA, **THREE, "head_dim": 8, "attention_bias": True, "pad_token_id": 2, "use_sliding_window": True, "sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]}, IDS),
    ("gemma", "GemmaForCausalLM", {**LLAMA, "head_dim": 6}, IDS),
    ("gemma biases, old activation", "GemmaForCausalLM", {**LLAMA, "head_dim": 6, "attention_bias": True, "hidden_act": "gelu"}, IDS),
    ("phi", "PhiForCausalLM", LLAMA, IDS),
    ("phi classes", "PhiForSequenceClassification", {**LLAMA, **THREE, "rope_parameters": {"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 1.0}, "pad_token_id": 2, "hidden_act": "gelu"}, IDS),
    ("vit", "ViTForImageClassification", {**IMAGE, **THREE}, None),
    ("vit oblong, no biases", "ViTForImageClassification", {**IMAGE, **THREE, "image_size": [8, 12], "qkv_bias": False, "hidden_act": "quick_gelu"}, None),
    ("vit encoder", "ViTModel", IMAGE, None),
    ("deit", "DeiTForImageClassification", {**IMAGE, **THREE}, None),
    ("deit teacher", "DeiTForImageClassificationWithTeacher", {**IMAGE, **THREE}, None),
    ("dinov2", "Dinov2ForImageClassification", {**DINO, **THREE}, None),
    ("dinov2 encoder", "Dinov2Model", DINO, None),
    ("beit", "BeitForImageClassification", {**IMAGE, **THREE, "use_relative_position_bias": True}, None),
    ("beit shared", "BeitForImageClassification", {**IMAGE, **THREE, "use_shared_relative_position_bias": True, "use_mean_pooling": False}, None),
    ("beit absolute", "BeitForImageClassification", {**IMAGE, **THREE, "use_absolute_position_embeddings": True, "layer_scale_init_value": 0.0, "image_size": 8}, None),
    ("swin", "SwinForImageClassification", {**SWIN, **THREE}, None),
    ("swin absolute, three stages", "SwinForImageClassification", {**SWIN, **THREE, "depths": [1, 2, 2], "num_heads": [2, 2, 4], "use_absolute_embeddings": True, "qkv_bias": False}, None),
    ("swin encoder", "SwinModel", SWIN, None),
]


def output(model, result):
    name = type(model).__name__
    if hasattr(result, "logits"):
        return result.logits[0]
    hidden = result.last_hidden_state[0]
    if name.startswith("Swin"):
        return hidden.mean(0)
    return hidden.mean(0) if name.startswith("Bert") else hidden[0]


def changed(key, value):
    """Another value of a key, of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if value % 2 else value * 2
    if isinstance(value, float):
        return value * 1.5 + 0.01
    if isinstance(value, str):
        return "tanh" if "act" in key else value + "x"
    if isinstance(value, list):
        return value[::-1] if value[::-1] != value else value + value[:1]
    if isinstance(value, dict):
        if key == "id2label":
            return {**value, "0": "other"}
        return {one: changed(one, value[one]) if isinstance(value[one], (int, float)) else value[one] for one in value}
    return 2


def run(model_class, folder, settings, ids):
    """The output of a folder in float64; None where transformers cannot load it as it is."""
    try:
        model, loading = model_class.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
        if loading["missing_keys"] or loading["unexpected_keys"] or loading["mismatched_keys"]:
            return None
        model = model.double().eval()
        if ids is None:
            sizes = settings["image_size"]
            height, width = sizes if isinstance(sizes, list) else (sizes, sizes)
            pixels = torch.from_numpy(values("pixels", [1, settings["num_channels"], height, width])).double()
            inputs = {"pixel_values": pixels}
        else:
            inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
        with torch.no_grad():
            result = output(model, model(**inputs))
    except Exception:
        return None
    numbers = result.tolist()
    # Language models: the last two tokens.
    if result.dim() == 2 and result.shape[1] == settings.get("vocab_size"):
        numbers = numbers[-2:]
    return json.loads(json.dumps(numbers), parse_float=lambda text: float(f"{float(text):.9g}"))


def changes(model_class, folder, saved, settings, ids, usual):
    """What one key of config.json after the other does to the output: null, the same or other numbers."""
    found = {}
    for key, value in saved.items():
        if key in ("model_type", "architectures", "transformers_version", "dtype"):
            continue
        other = changed(key, value)
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump({**saved, key: other}, file)
        result = run(model_class, folder, settings, ids)
        effect = {"effect": "none"} if result is None else {"effect": "same"} if result == usual else {"effect": "other", "output": result}
        found[key] = {"value": other, **effect}
    return found


def reference(name, cls, settings, ids, first):
    model_class = getattr(transformers, cls)
    config = model_class.config_class(**settings)
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        model_class(config).save_pretrained(folder)
        path = os.path.join(folder, "model.safetensors")
        with open(path, "rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(size))
        shapes = {key: entry["shape"] for key, entry in header.items() if key != "__metadata__"}
        save_file({key: values(key, shape) for key, shape in shapes.items()}, path, {"format": "pt"})
        saved = json.load(open(os.path.join(folder, "config.json")))
        usual = run(model_class, folder, settings, ids)
        assert usual is not None, name
        more = {"changes": changes(model_class, folder, saved, settings, ids, usual)} if first else {}
    case = {"name": name, "class": cls, "config": saved, "tensors": shapes, **({} if ids is None else {"ids": ids})}
    return {**case, "output": usual, **more}


if __name__ == "__main__":
    cases = []
    for case in CASES:
        family = getattr(transformers, case[1]).config_class.model_type
        first = family not in [known["config"]["model_type"] for known in cases]
        cases.append(reference(*case, first))
    versions = {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}
    with open(os.path.join(HERE, "references.json"), "w") as file:
        file.write('{"madeBy": "references.py", "versions": ' + json.dumps(versions) + ', "cases": [\n')
        file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
        file.write("\n]}\n")
    print(len(cases), "cases")
