// A question to a service, from Node: node ask.mjs http://127.0.0.1:8080 "Central bank holds interest rates"
import { connect } from 'cipherformer';

const [url, text] = process.argv.slice(2);
const progress = ({ what, done, total }) => process.stderr.write(`${what} ${done} of ${total}\n`);

// The secret key lies in this file, readable by its owner alone; without `secret` it is gone at the end, and with it what
// the evaluation keys at the service are good for.
const service = await connect(url, { secret: 'keys/secret' });
try {
  const [answer] = await service.ask(text, { progress });
  process.stdout.write(`${answer.label ?? answer.reason}\n`);
} finally {
  await service.close();
}
