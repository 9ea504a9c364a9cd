const threats: readonly (readonly [string, string])[] = [
  [
    'Can the service read my question?',
    'Not if it follows the protocol, nor by studying what it has: lattice encryption at 128 bits stands between. Nobody has audited this software.',
  ],
  [
    'Can it give me a wrong answer?',
    'Yes. Nothing proves that it ran the model. Results of something else, damaged or played again are refused; a result of another computation in the right form is not found. The answer in clear beside it shows a difference.',
  ],
  [
    'Can it learn by how I react?',
    'Whether an answer was in range is one bit about your key. So this browser counts them before you see one: three results that no honest service makes lock the key, and after each 256 inputs out of range you are asked. Do not tell the service what you saw.',
  ],
  [
    'Can this page steal my key?',
    'Its code comes from whoever serves it, and other code could. Use it with a service you trust to be what it says, or the client from npm, which you can read and whose files are listed with their hashes.',
  ],
  [
    'And who uses this browser?',
    'The key lies in the browser’s storage, sealed so that a script cannot take it along, but whoever can open this page here can ask with it. Your browser’s profile is as safe as your account on this machine.',
  ],
];

/** What the person relies on, in plain words. */
export function ThreatsCard() {
  return (
    <section class="card" aria-labelledby="threats-title">
      <h2 id="threats-title">What you rely on</h2>
      <div class="threats">
        {threats.map(([question, answer]) => (
          <div key={question}>
            <h3>{question}</h3>
            <p>{answer}</p>
          </div>
        ))}
      </div>
    </section>
  );
}
