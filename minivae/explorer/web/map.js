// The map: the plane of two latents, decoded, with the test points, q(z|x) and z. What is drawn
// rarely is kept on canvases of its own below: decoded images, and the points.

import { clamp } from "./numbers.js";
import { placeIn } from "./drawing.js";
import { theme } from "./theme.js";

const SIZE = 1120; // pixels of the canvases on each side; the style sheet says how large they look
const TILES = 16; // images on each side, if they are square
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class LatentMap {
  // `current` gives z as it is now, which no frame need have shown yet; `moved` takes another one.
  constructor(canvases, model, display, described, points, current, moved) {
    Object.assign(this, { model, display, described, points, current, moved, ...canvases });
    this.axes = model.J > 1 ? described.variance.map((_, j) => j) : [0];
    this.labelShown = null; // all of them
    this.colours = new Map();
    for (const canvas of [this.dots, this.overlay]) canvas.width = canvas.height = SIZE;
    this.overlay.addEventListener("pointerdown", (event) => {
      this.overlay.setPointerCapture(event.pointerId);
      this.dragging = true;
      this.moveTo(placeIn(this.overlay, event));
    });
    this.overlay.addEventListener("pointermove", (event) => {
      if (this.dragging) this.moveTo(placeIn(this.overlay, event));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.overlay.addEventListener(end, () => (this.dragging = false));
    }
    this.overlay.addEventListener("keydown", (event) => this.type(event));
  }

  // The latents to the right and upwards; with a single one there is nothing upwards.
  setAxes(a, b) {
    this.axes = this.model.J > 1 ? [a, b] : [0];
    this.drawDots();
  }

  get reach() {
    return this.axes.map((j) => this.described.reach[j]);
  }

  placeOf(z) {
    const [right, up = 1] = this.reach;
    const [a, b] = this.axes;
    return { u: 0.5 + z[a] / (2 * right), v: b === undefined ? 0.5 : 0.5 - z[b] / (2 * up) };
  }

  // z with the two latents of a place on the map.
  at(place, z) {
    const [right, up] = this.reach;
    const [a, b] = this.axes;
    const moved = Float64Array.from(z);
    moved[a] = clamp(2 * place.u - 1, -1, 1) * right;
    if (b !== undefined) moved[b] = clamp(1 - 2 * place.v, -1, 1) * up;
    return moved;
  }

  moveTo(place) {
    this.moved(this.at(place, this.current()));
  }

  type(event) {
    if (!(event.key in STEPS)) return;
    const step = event.shiftKey ? 0.5 : 0.1;
    const z = Float64Array.from(this.current());
    this.axes.forEach((j, k) => {
      z[j] = clamp(z[j] + step * STEPS[event.key][k], -this.reach[k], this.reach[k]);
    });
    event.preventDefault();
    this.moved(z);
  }

  // --- Decoded images, a few in every frame ------------------------------------------------------

  // Begin anew: the images are those around z. What the two latents are there does not matter.
  plan(z) {
    const { width, height } = this.display.tile;
    const columns = Math.round(TILES * Math.sqrt(height / width));
    const rows = this.axes.length > 1 ? Math.round(TILES * Math.sqrt(width / height)) : 1;
    this.grid = { columns, rows };
    this.around = Float64Array.from(z);
    if (this.tiles.width !== columns * width || this.tiles.height !== rows * height) {
      Object.assign(this.tiles, { width: columns * width, height: rows * height });
    }
    const cells = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) cells.push({ row, column });
    }
    const distance = ({ row, column }) =>
      Math.hypot((column + 0.5) / columns - 0.5, (row + 0.5) / rows - 0.5);
    this.waiting = cells.sort((one, other) => distance(other) - distance(one)); // the middle first
  }

  // Whether the images on the map are those around z.
  fits(z) {
    return this.around.every((value, j) => value === z[j] || this.axes.includes(j));
  }

  // Decode images until a moment in time; return whether any are left.
  work(until) {
    const { width, height } = this.display.tile;
    const context = this.tiles.getContext("2d");
    while (this.waiting.length && performance.now() < until) {
      const { row, column } = this.waiting.pop();
      const place = { u: (column + 0.5) / this.grid.columns, v: (row + 0.5) / this.grid.rows };
      const image = this.model.decode(this.at(place, this.around));
      this.display.paint(context, image, { x: column * width, y: row * height, tile: true });
    }
    return this.waiting.length > 0;
  }

  // --- Test points -------------------------------------------------------------------------------

  colourBy(labels, colours) {
    this.labels = labels;
    this.colours = colours;
  }

  show(label) {
    this.labelShown = label;
    this.drawDots();
  }

  drawDots() {
    const context = this.dots.getContext("2d");
    const { J } = this.model;
    context.clearRect(0, 0, SIZE, SIZE);
    context.lineWidth = 1;
    context.strokeStyle = "#fff";
    for (let n = 0; n < this.points.length / J; n++) {
      const label = this.labels?.[n];
      if (this.labelShown !== null && label !== this.labelShown) continue;
      const { u, v } = this.placeOf(this.points.subarray(n * J, (n + 1) * J));
      // A single latent: points lie beside each other by their number.
      const y = this.axes.length > 1 ? v : 0.15 + 0.7 * ((n * 0.618) % 1);
      context.fillStyle = this.colours.get(label) ?? theme.accent;
      context.beginPath();
      context.arc(u * SIZE, y * SIZE, 4, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  // --- q(z|x), z and the path, in every frame ----------------------------------------------------

  draw({ q, z, path }) {
    const context = this.overlay.getContext("2d");
    context.clearRect(0, 0, SIZE, SIZE);
    this.drawPrior(context);
    if (path) this.drawPath(context, path);
    this.drawPosterior(context, q);
    const { u, v } = this.placeOf(z);
    context.beginPath();
    context.arc(clamp(u, 0, 1) * SIZE, clamp(v, 0, 1) * SIZE, 8, 0, 2 * Math.PI);
    context.fillStyle = theme.hot;
    context.fill();
    this.outline(context, theme.hot, 0);
  }

  // A line that can be seen on black, on white and on anything between.
  outline(context, colour, width) {
    for (const [style, more] of [["#000", 6], ["#fff", 3]]) {
      context.strokeStyle = style;
      context.lineWidth = width + more;
      context.stroke();
      if (!width) context.fill();
    }
    if (!width) return;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }

  drawPrior(context) {
    const [right, up = right] = this.reach;
    context.setLineDash([4, 10]);
    context.lineWidth = 2;
    context.strokeStyle = theme.quiet;
    for (const sd of [1, 2]) {
      context.beginPath();
      const radii = [(sd / right) * (SIZE / 2), (sd / up) * (SIZE / 2)];
      context.ellipse(SIZE / 2, SIZE / 2, ...radii, 0, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }

  // Ellipses at one and two standard deviations, along the covariance's eigenvectors.
  drawPosterior(context, q) {
    const { posterior } = this.model;
    const [a, b = a] = this.axes;
    const [right, up = right] = this.reach;
    const { u, v } = this.placeOf(q.mu);
    const scale = [SIZE / (2 * right), SIZE / (2 * up)];
    const xx = posterior.covariance(q, a, a) * scale[0] ** 2;
    const yy = posterior.covariance(q, b, b) * scale[1] ** 2;
    const xy = a === b ? 0 : -posterior.covariance(q, a, b) * scale[0] * scale[1]; // y is downwards
    const middle = (xx + yy) / 2;
    const half = Math.hypot((xx - yy) / 2, xy);
    const angle = 0.5 * Math.atan2(2 * xy, xx - yy);
    for (const sd of [2, 1]) {
      const radii = [middle + half, Math.max(0, middle - half)].map((root) => sd * Math.sqrt(root));
      context.beginPath();
      context.ellipse(u * SIZE, v * SIZE, ...radii, angle, 0, 2 * Math.PI);
      this.outline(context, theme.hot, sd === 1 ? 4 : 2);
    }
  }

  drawPath(context, { from, to }) {
    const ends = [from, to].map((z) => this.placeOf(z));
    context.beginPath();
    for (const { u, v } of ends) context.lineTo(u * SIZE, v * SIZE);
    this.outline(context, theme.accent, 4);
    context.font = "bold 34px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "bottom";
    ends.forEach(({ u, v }, k) => {
      context.lineWidth = 6;
      context.strokeStyle = "#000";
      context.strokeText("AB"[k], u * SIZE, v * SIZE - 6);
      context.fillStyle = "#fff";
      context.fillText("AB"[k], u * SIZE, v * SIZE - 6);
    });
  }
}
