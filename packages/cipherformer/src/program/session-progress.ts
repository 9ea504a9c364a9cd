import type { OnProgress } from '@cipherformer/base';
import type { SessionStage } from '@cipherformer/client';
import { startStages } from '../terminal/progress.ts';

/** Stages in words; those that take no time worth a bar are said alone. */
const words: Record<SessionStage, string> = {
  keys: 'making and sending keys',
  verifying: 'the service checks the keys',
  encrypting: 'encrypting',
  sending: 'sending the question',
  queued: 'waiting',
  loading: 'the service loads the keys',
  running: 'the service computes',
  decrypting: 'decrypting',
};

/** Shows on stderr how far a question to a service is: stages with the time that they have left. */
export function showSession(): { readonly update: OnProgress; stop(): void } {
  const stages = startStages();
  let said = '';
  const say = (text: string) => {
    if (text === said) return;
    said = text;
    stages.stop();
    process.stderr.write(`${text}\n`);
  };
  return {
    update({ what, total, detail, ...others }) {
      const stage = words[what as SessionStage];
      if (what === 'loading' && total === 0) say('the service begins');
      else if (total > 1) stages.update({ ...others, what: stage, total, detail });
      else say(detail === undefined ? stage : `${stage}: ${detail}`);
    },
    stop: stages.stop,
  };
}
