/**
 * The look that the page of a service (apps/web) and the reports share: colours, light and dark, letters, cards. Its
 * variables are the only colours that either names.
 */
export const look = `
:root {
  --page: #f4f6f5;
  --card: #ffffff;
  --line: #dde3e0;
  --text: #16201d;
  --quiet: #54615c;
  --accent: #0b6b63;
  --accent-strong: #085049;
  --accent-text: #ffffff;
  --accent-soft: #dcefec;
  --good: #0b6b3f;
  --good-soft: #e1f3e8;
  --danger: #a42b18;
  --danger-soft: #fbeae6;
  --warn: #845400;
  --warn-soft: #fbf0da;
  --ink-filter: none;
  --radius: 16px;
  --shadow: 0 1px 2px rgb(16 32 28 / 5%), 0 12px 32px -12px rgb(16 32 28 / 12%);
  color-scheme: light dark;
  font:
    16px / 1.55 system-ui,
    -apple-system,
    "Segoe UI",
    Roboto,
    "Helvetica Neue",
    Arial,
    sans-serif;
}

@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1312;
    --card: #171d1b;
    --line: #2c3532;
    --text: #e8eeeb;
    --quiet: #a2aea9;
    --accent: #63d2c3;
    --accent-strong: #8be0d4;
    --accent-text: #06211d;
    --accent-soft: #17372f;
    --good: #74d6a0;
    --good-soft: #15301f;
    --danger: #ff9c88;
    --danger-soft: #36201b;
    --warn: #efbd5f;
    --warn-soft: #33270f;
    --ink-filter: invert(1);
    --shadow: none;
  }
}

* {
  box-sizing: border-box;
}

html {
  -webkit-text-size-adjust: 100%;
}

body {
  margin: 0;
  background: var(--page);
  color: var(--text);
}

.brand {
  display: flex;
  gap: 0.6rem;
  align-items: center;
  font-size: 1.05rem;
  font-weight: 650;
  letter-spacing: -0.01em;
}

h1 {
  margin: 0 0 0.6rem;
  font-size: clamp(1.9rem, 1.2rem + 2.8vw, 3rem);
  font-weight: 700;
  line-height: 1.08;
  letter-spacing: -0.03em;
  text-wrap: balance;
}

.lead {
  max-width: 42rem;
  color: var(--quiet);
  font-size: 1.15rem;
  text-wrap: pretty;
}

.card {
  padding: 1.5rem;
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--card);
  box-shadow: var(--shadow);
}
`;
