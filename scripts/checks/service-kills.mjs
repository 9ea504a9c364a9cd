// Services, and workers beside them, killed by -9 while they take keys and jobs: at any moment (packages/service/test/kills.ts) and at
// each step that they can be in (packages/service/test/kill-points.ts), on a folder and on Redis and S3.
import { loadSource } from '../source.mjs';

export const description =
  'kill -9 of services and workers at 500 moments while they write, at 30 on Redis and S3, and at every step: what was acknowledged is there, whole';

export const targets = {
  kills: { atLeast: 500 },
  killsOnRedis: { atLeast: 30 },
  /** One at each of the labelled steps. */
  steps: { atLeast: 18 },
  stepsOnRedis: { atLeast: 18 },
  failures: { equals: 0 },
  /** Kills that hit while something was being written. */
  halfWritten: { atLeast: 100 },
  parts: { atLeast: 500 },
  keysets: { atLeast: 100 },
  jobs: { atLeast: 100 },
};

export async function check({ seed, quick, log, resume }) {
  const [
    { killRepeatedly },
    { surviveKill },
    { faultPoints },
    { folderStage },
    { startSharedMachines },
    { bundle },
    { Random },
  ] = await loadSource(
    'packages/service/test/kills.ts',
    'packages/service/test/kill-points.ts',
    'packages/service/src/faults.ts',
    'packages/service/test/stage.ts',
    'packages/service/test/shared/stage.ts',
    'packages/service/test/support.ts',
    'packages/nn/src/random.ts',
  );
  const files = await bundle(['worker', 'server', 'shared-worker']);
  const none = { kills: 0, killsOnRedis: 0, steps: 0, stepsOnRedis: 0, halfWritten: 0, parts: 0, keysets: 0, jobs: 0 };
  const state = resume.state ?? { ...none, failures: 0, pieces: 0 };
  let machines;
  const onFolder = async () => folderStage(files);
  const onRedis = async () => {
    machines ??= await startSharedMachines();
    return machines.stage(files);
  };
  /** Kills at any moment: a stage's service starts as often as it is killed. */
  const kills = (count, figure) => async (stage, piece) => {
    const random = Random.derive(seed, 'kills', piece);
    const { kills: killed, ...found } = await killRepeatedly(
      stage,
      count,
      () => random.uniform(),
      files.path('worker'),
    );
    return { ...found, [figure]: killed };
  };
  const step = (point, figure) => async (stage) => ({ [figure]: await surviveKill(stage, point) });
  const pieces = [
    ...Array.from({ length: quick ? 1 : 20 }, () => [onFolder, kills(quick ? 5 : 25, 'kills')]),
    ...Array.from({ length: quick ? 1 : 2 }, () => [onRedis, kills(quick ? 2 : 15, 'killsOnRedis')]),
    ...faultPoints.slice(0, quick ? 3 : undefined).map((point) => [onFolder, step(point, 'steps')]),
    ...faultPoints.slice(0, quick ? 1 : undefined).map((point) => [onRedis, step(point, 'stepsOnRedis')]),
  ];
  try {
    for (; state.pieces < pieces.length; state.pieces++) {
      const [open, act] = pieces[state.pieces];
      const stage = await open();
      try {
        for (const [name, count] of Object.entries(await act(stage, state.pieces))) state[name] += count;
      } catch (error) {
        state.failures += 1;
        log(error instanceof Error ? (error.stack ?? error.message) : String(error));
      } finally {
        await stage.dispose();
      }
      resume.save({ ...state, pieces: state.pieces + 1 });
      const { pieces: done, ...figures } = state;
      log(`${done + 1} of ${pieces.length}: ${JSON.stringify(figures)}`);
    }
    const { pieces: _, ...figures } = state;
    return figures;
  } finally {
    await machines?.stop();
    files.dispose();
  }
}
