// The colours of the style sheet, for canvases, which no style sheet reaches.

export const theme = {};

const DARK = matchMedia("(prefers-color-scheme: dark)");

export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "quiet", "accent", "hot"]) {
    theme[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

export function whenThemeChanges(redraw) {
  DARK.addEventListener("change", () => {
    readTheme();
    redraw();
  });
}
