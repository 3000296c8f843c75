// The map: the plane of two latents, decoded, with the test points, q(z|x) and z. What is drawn
// rarely is kept on canvases of its own below: decoded images, and the points.

import { clamp } from "./numbers.js";
import { placeIn } from "./drawing.js";
import { theme } from "./theme.js";

const WIDTH = 1120; // pixels of the canvases; the style sheet says how large they look
const TILES = 16; // images on each side, if they are square
const CLOSE = 6; // standard deviations of q(z|x) to each side, from close by
const FLAT = 4; // times as wide as high is the map of a single latent, which is repeated upwards
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class LatentMap {
  // `current` gives z as it is now, which no frame need have shown yet; `moved` takes another one.
  constructor(canvases, model, display, described, points, current, moved) {
    Object.assign(this, { model, display, described, points, current, moved, ...canvases });
    this.axes = model.J > 1 ? described.variance.map((_, j) => j) : [0];
    this.labelShown = null; // all of them
    this.colours = new Map();
    this.height = model.J > 1 ? WIDTH : WIDTH / FLAT;
    for (const canvas of [this.dots, this.overlay]) {
      Object.assign(canvas, { width: WIDTH, height: this.height });
    }
    this.overlay.parentElement.style.aspectRatio = WIDTH / this.height;
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
    this.lookAtAll();
  }

  // All that the test points need.
  lookAtAll() {
    this.middle = this.axes.map(() => 0);
    this.reach = this.axes.map((j) => this.described.reach[j]);
    this.drawDots();
  }

  // The surroundings of q(z|x), as far to all sides.
  lookCloselyAt(q) {
    const variances = this.axes.map((j) => this.model.posterior.covariance(q, j, j));
    const reach = CLOSE * Math.max(1e-3, Math.sqrt(Math.max(...variances)));
    this.middle = this.axes.map((j) => q.mu[j]);
    this.reach = this.axes.map(() => reach);
    this.drawDots();
  }

  // Pixels for a step of one; upwards, a single latent has a scale that suits the picture.
  get scale() {
    const [right, up] = this.reach;
    return [WIDTH / (2 * right), up === undefined ? this.height / 6 : this.height / (2 * up)];
  }

  placeOf(z) {
    const [right, up = 0] = this.axes.map((j, k) => (z[j] - this.middle[k]) / (2 * this.reach[k]));
    return { u: 0.5 + right, v: 0.5 - up };
  }

  // z with the two latents of a place on the map.
  at(place, z) {
    const shares = [clamp(2 * place.u - 1, -1, 1), clamp(1 - 2 * place.v, -1, 1)];
    const moved = Float64Array.from(z);
    this.axes.forEach((j, k) => {
      moved[j] = this.middle[k] + shares[k] * this.reach[k];
    });
    return moved;
  }

  moveTo(place) {
    this.moved(this.at(place, this.current()));
  }

  type(event) {
    if (!(event.key in STEPS)) return;
    const step = event.shiftKey ? 0.5 : 0.1; // less where one looks closely
    const z = Float64Array.from(this.current());
    this.axes.forEach((j, k) => {
      const most = this.described.reach[j];
      z[j] = clamp(z[j] + step * STEPS[event.key][k] * (this.reach[k] / most), -most, most);
    });
    event.preventDefault();
    this.moved(z);
  }

  // --- Decoded images, a few in every frame ------------------------------------------------------

  // Begin anew: the images are those around z. What the two latents are there does not matter.
  plan(z) {
    const { width, height } = this.display.tile;
    const columns = Math.round(TILES * Math.sqrt(height / width));
    const rows = Math.round((TILES * Math.sqrt(width / height) * this.height) / WIDTH);
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
    context.clearRect(0, 0, WIDTH, this.height);
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
      context.arc(u * WIDTH, y * this.height, 4, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  // --- q(z|x), z and the path, in every frame ----------------------------------------------------

  draw({ q, z, path }) {
    const context = this.overlay.getContext("2d");
    context.clearRect(0, 0, WIDTH, this.height);
    this.drawPrior(context);
    if (path) this.drawPath(context, path);
    this.drawPosterior(context, q);
    const { u, v } = this.placeOf(z);
    this.drawDisc(context, clamp(u, 0, 1) * WIDTH, clamp(v, 0, 1) * this.height);
  }

  // z, and lines that lead the eye to it.
  drawDisc(context, x, y) {
    context.beginPath();
    for (const [x0, y0, x1, y1] of [[0, y, WIDTH, y], [x, 0, x, this.height]]) {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.strokeStyle = theme.hot;
    context.lineWidth = 1;
    context.stroke();
    for (const [style, radius] of [["#000", 12], ["#fff", 10], [theme.hot, 6.5]]) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fillStyle = style;
      context.fill();
    }
  }

  // A line that can be seen on black, on white and on anything between.
  outline(context, colour, width) {
    for (const [style, more] of [["#000", 6], ["#fff", 3]]) {
      context.strokeStyle = style;
      context.lineWidth = width + more;
      context.stroke();
    }
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }

  drawPrior(context) {
    const { u, v } = this.placeOf(new Float64Array(this.model.J));
    context.setLineDash([4, 10]);
    context.lineWidth = 2;
    context.strokeStyle = theme.quiet;
    for (const sd of [1, 2]) {
      context.beginPath();
      const radii = this.scale.map((scale) => sd * scale);
      context.ellipse(u * WIDTH, v * this.height, ...radii, 0, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }

  // Ellipses at one and two standard deviations, along the covariance's eigenvectors.
  drawPosterior(context, q) {
    const { posterior } = this.model;
    const [a, b] = this.axes;
    const single = b === undefined;
    const [right, up] = this.scale;
    const { u, v } = this.placeOf(q.mu);
    const xx = posterior.covariance(q, a, a) * right ** 2;
    const yy = (single ? 1 : posterior.covariance(q, b, b)) * up ** 2;
    const xy = single ? 0 : -posterior.covariance(q, a, b) * right * up; // y is downwards
    const middle = (xx + yy) / 2;
    const half = Math.hypot((xx - yy) / 2, xy);
    const angle = 0.5 * Math.atan2(2 * xy, xx - yy);
    for (const sd of [2, 1]) {
      const radii = [middle + half, Math.max(0, middle - half)].map((root) => sd * Math.sqrt(root));
      context.beginPath();
      context.ellipse(u * WIDTH, v * this.height, ...radii, angle, 0, 2 * Math.PI);
      this.outline(context, theme.hot, sd === 1 ? 3 : 2);
    }
  }

  drawPath(context, { from, to }) {
    const ends = [from, to].map((z) => this.placeOf(z));
    context.beginPath();
    for (const { u, v } of ends) context.lineTo(u * WIDTH, v * this.height);
    this.outline(context, theme.accent, 4);
    context.font = "bold 34px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "bottom";
    ends.forEach(({ u, v }, k) => {
      context.lineWidth = 6;
      context.strokeStyle = "#000";
      context.strokeText("AB"[k], u * WIDTH, v * this.height - 6);
      context.fillStyle = "#fff";
      context.fillText("AB"[k], u * WIDTH, v * this.height - 6);
    });
  }
}
