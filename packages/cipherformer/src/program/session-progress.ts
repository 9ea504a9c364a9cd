import type { SessionProgress, SessionStage } from '@cipherformer/client';
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

/** Shows a session on stderr: stages with the time that they have left. */
export function showSession(): { update(progress: SessionProgress): void; stop(): void } {
  const stages = startStages();
  let said = '';
  const say = (text: string) => {
    if (text === said) return;
    said = text;
    stages.stop();
    process.stderr.write(`${text}\n`);
  };
  return {
    update({ what, done, total, sentBytes, secondsLeft, place }) {
      if (what === 'queued' && place !== undefined && place > 0) say(`${words.queued}: ${place} before this question`);
      else if (what === 'loading' && total === 0) say('the service begins');
      else if (total <= 1) say(words[what]);
      else {
        const detail = sentBytes === undefined ? undefined : `${Math.round(sentBytes / 2 ** 20)} MiB sent`;
        stages.update({ what: words[what], done, total, secondsLeft, detail });
      }
    },
    stop: stages.stop,
  };
}
