// What the page shows, and what changes it. All work is done once in a frame: whoever changes
// something only says so.

import { clamp, decimal, numbersOf } from "./numbers.js";
import { Model } from "./model.js";
import { displayOf, paintInto } from "./displays.js";
import { DrawingPad } from "./drawing.js";
import { LatentMap } from "./map.js";
import { LatentRows } from "./latents.js";
import { Terms, nats } from "./terms.js";
import { Thumbnails } from "./thumbnails.js";
import { Path } from "./path.js";
import { pictureFrom } from "./upload.js";
import { linkToThePaper } from "./paper.js";
import { offerToScripts } from "./scripts.js";
import { readTheme, whenThemeChanges } from "./theme.js";

const TILE_MS = 6; // of a frame, for decoded images on the map
const REST_MS = 400; // without a change, until the map is decoded anew and the page is described

const find = (selector) => document.querySelector(selector);
const text = (id) => find(`#${id}`).textContent;

class Explorer {
  constructor(described) {
    const { data } = described;
    this.described = described;
    this.model = new Model(described, numbersOf(text("weights"), described.dtype));
    this.display = displayOf(data);
    this.images = this.readImages(data);
    this.eps = this.model.drawNoise();
    this.build(data);
    this.listen();
    this.takeTest(0);
    const other = data.labels ? data.labels.findIndex((label) => label !== data.labels[0]) : 1;
    this.path.keep("A", this.images[0]);
    this.path.keep("B", this.images[clamp(other, 1, this.images.length - 1)]);
    this.map.plan(this.model.encode(this.x).mu);
    this.update();
  }

  readImages({ images_dtype: dtype }) {
    const all = numbersOf(text("images"), dtype);
    const { D } = this.model;
    return Array.from({ length: all.length / D }, (_, n) => {
      const one = Float64Array.from(all.subarray(n * D, (n + 1) * D));
      return dtype === "uint8" ? one.map((byte) => byte / 255) : one;
    });
  }

  build(data) {
    const { model, display } = this;
    const current = () => this.z;
    const moved = (z) => this.moveTo(z);
    this.pad = new DrawingPad(
      find("#input"),
      find("#pen"),
      display,
      (values) => this.show(values, "your drawing"),
      (words) => this.say(words),
    );
    const canvases = { tiles: find("#tiles"), dots: find("#dots"), overlay: find("#overlay") };
    const points = numbersOf(text("points"), "float32");
    this.map = new LatentMap(canvases, model, display, data, points, current, moved);
    this.rows = new LatentRows(find("#rows"), find("#all-rows"), model, data, current, moved);
    this.terms = new Terms(find("#terms"), find("#bars"), data);
    this.thumbnails = new Thumbnails(
      find("#thumbnails"),
      find("#other-thumbnails"),
      this.images,
      data.labels,
      display,
      (x, name) => this.take(x, name),
    );
    this.path = new Path(find("#path"), model, display, moved);
    this.writeTexts(data);
    this.buildLegend(data.labels);
    this.buildAxes();
    linkToThePaper(find("#equations"), model.likelihood.equation, this.described.tutorials);
  }

  writeTexts({ name, mean_bound: { n } }) {
    const { model, display, described } = this;
    const { J } = model;
    find("#title").textContent = `${name}, ${J} latent${J > 1 ? "s" : ""}`;
    find("#summary").textContent =
      `${model.widths} (${model.activations}), p(x|z): ${described.likelihood.name}, ` +
      `q(z|x): ${model.posterior.words}`;
    find("#made").textContent =
      `Weights as ${described.dtype}. Made by minivae ${described.version}, minivae explore.`;
    find("#average").textContent = `mean of ${n.toLocaleString("en")} test datapoints`;
    for (const element of document.querySelectorAll("[data-pictures]")) {
      element.hidden = display.word !== "picture";
    }
    for (const element of document.querySelectorAll("[data-no-noise]")) {
      element.hidden = described.posterior !== "deterministic";
    }
    find("#drawing-help").textContent =
      display.word === "picture"
        ? "Draw with mouse, finger or pen (right button: rub out). With the keyboard: arrows " +
          "move the pen, Space puts it down or lifts it, Delete clears."
        : `Bars from ${decimal(display.low)} to ${decimal(display.high)}: drag over them to set ` +
          "them. With the keyboard: left and right choose a bar, Space " +
          "takes hold of it or lets go, up and down move it, Delete clears.";
  }

  // A button for every label, which shows its points alone: colours are not the only way to tell.
  buildLegend(labels) {
    const names = [...new Set(labels ?? [])].sort((a, b) => a - b);
    const { palette } = this.described;
    if (names.length < 2 || names.length > palette.length) return;
    this.map.colourBy(labels, new Map(names.map((name, k) => [name, palette[k]])));
    for (const name of names) {
      const button = document.createElement("button");
      button.type = "button";
      button.innerHTML = `<span class="swatch"></span>`;
      button.firstChild.style.background = this.map.colours.get(name);
      button.append(name);
      button.setAttribute("aria-label", `only test points of ${name}`);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => this.showLabel(name, button));
      find("#legend").append(button);
    }
  }

  showLabel(name, button) {
    const alone = button.getAttribute("aria-pressed") === "false";
    for (const each of find("#legend").querySelectorAll("button")) {
      each.setAttribute("aria-pressed", String(alone && each === button));
    }
    this.map.show(alone ? name : null);
  }

  buildAxes() {
    const { J } = this.model;
    const [a, b] = [find("#axis-a"), find("#axis-b")];
    for (const [k, select] of [a, b].entries()) {
      for (const j of this.rows.order) select.append(new Option(`z${j + 1}`, j));
      // Two latents lie as in the paper's figure: the first to the right.
      select.value = J === 2 ? k : this.rows.order[Math.min(k, J - 1)];
      select.addEventListener("change", () => {
        if (a.value === b.value) (select === a ? b : a).value = this.map.axes[k];
        this.map.setAxes(Number(a.value), Number(b.value));
        this.look();
      });
    }
    find("#axes").hidden = J < 3;
    this.map.setAxes(Number(a.value), Number(b.value));
  }

  listen() {
    const clicks = {
      "#clear": () => this.pad.clear(),
      "#centre": () => this.take(this.display.centre(this.x), "the centred picture"),
      "#rub": ({ currentTarget: button }) => {
        this.pad.rubbing = !this.pad.rubbing;
        button.setAttribute("aria-pressed", String(this.pad.rubbing));
      },
      "#again": () => this.setNoise(this.model.drawNoise()),
      "#no-noise": () => this.setNoise(new Float64Array(this.model.J)),
      "#close": ({ currentTarget: button }) => {
        this.close = !this.close;
        button.setAttribute("aria-pressed", String(this.close));
        this.look();
      },
      "#keep-a": () => this.keep("A"),
      "#keep-b": () => this.keep("B"),
    };
    for (const [selector, act] of Object.entries(clicks)) {
      find(selector).addEventListener("click", act);
    }
    find("#see-tiles").addEventListener("change", ({ target }) => {
      find("#tiles").hidden = !target.checked;
    });
    find("#see-dots").addEventListener("change", ({ target }) => {
      find("#dots").hidden = !target.checked;
    });
    find("#upload").addEventListener("change", ({ target }) => this.upload(target));
    whenThemeChanges(() => {
      this.map.plan(this.map.around);
      this.map.drawDots();
      this.path.paint();
      this.thumbnails.paint();
      this.changed();
    });
  }

  async upload(input) {
    const [file] = input.files;
    input.value = ""; // so that the same file can be chosen again
    if (!file) return;
    const { low, high } = this.display;
    const average = this.images[0].map((_, d) => this.images.reduce((s, x) => s + x[d], 0));
    const dark = average[0] / this.images.length < (low + high) / 2;
    try {
      const { values, inverted } = await pictureFrom(file, this.display, dark);
      this.take(values, `${file.name}${inverted ? ", inverted" : ""}`);
    } catch {
      this.say(`${file.name} is no picture that this browser can read`);
    }
  }

  // --- Changes -----------------------------------------------------------------------------------

  takeTest(n) {
    this.take(this.images[n], this.thumbnails.name(n));
  }

  // Show a datapoint, and let strokes go on from it.
  take(x, name) {
    this.pad.take(x);
    this.show(this.pad.values, name);
  }

  // Show a datapoint: z is drawn from its q(z|x), with the noise there is.
  show(x, name) {
    Object.assign(this, { x, name, byHand: false });
    this.changed();
  }

  setNoise(eps) {
    Object.assign(this, { eps, byHand: false });
    this.changed();
  }

  // Choose z by hand. The datapoint stays.
  moveTo(z) {
    Object.assign(this, { z, byHand: true });
    this.changed();
  }

  // Look at the map from where one has chosen to.
  look() {
    if (this.close) this.map.lookCloselyAt(this.q);
    else this.map.lookAtAll();
    this.map.plan(this.z);
    this.stale = true;
    this.wake();
  }

  keep(end) {
    this.path.keep(end, this.x);
    this.path.shown = true;
    this.changed();
  }

  changed() {
    this.stale = true;
    this.rested = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rest(), REST_MS);
    this.wake();
  }

  // Nothing has changed for a while: time for what would be too much for every frame.
  rest() {
    this.rested = true;
    if (this.close) this.look();
    else if (!this.map.fits(this.z)) this.map.plan(this.z);
    this.describe();
    this.wake();
  }

  // --- A frame -----------------------------------------------------------------------------------

  wake() {
    if (this.awake) return;
    this.awake = true;
    requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.awake = false;
    if (this.stale) this.update();
    const decoding = this.map.fits(this.z) && this.map.work(performance.now() + TILE_MS);
    if (decoding) this.wake();
  }

  update() {
    this.stale = false;
    const { model } = this;
    this.q = model.encode(this.x);
    const drawn = model.posterior.sample(this.q, this.eps);
    if (!this.byHand) this.z = drawn.z;
    const { logPx, mean } = model.explain(this.x, this.z);
    Object.assign(this, { logPx, minusKl: drawn.minusKl });
    paintInto(find("#input"), this.display, this.x);
    paintInto(find("#output"), this.display, mean);
    this.map.draw({ q: this.q, z: this.z, path: this.path.shown && this.path.line });
    this.rows.draw(this);
    this.terms.draw(this);
    find("#how").textContent = this.byHand ? "z chosen by hand" : "z = μ + σ ⊙ ε";
    find("#by-hand").hidden = !this.byHand;
    const noise = Array.from(this.eps.subarray(0, 2), (e) => decimal(e));
    find("#eps").textContent = `ε = (${noise.join(", ")}${model.J > 2 ? ", …" : ""})`;
    find("#eps").classList.toggle("unused", this.byHand);
  }

  // For those who do not see the page.
  describe() {
    const { name, display, z, map } = this;
    const at = map.axes.map((j) => `z ${j + 1} is ${decimal(z[j])}`).join(", ");
    find("#input").setAttribute("aria-label", `The datapoint x, to draw on: ${name}`);
    find("#output").setAttribute("aria-label", `The decoder's ${display.word}, for ${name}`);
    find("#overlay").setAttribute("aria-label", `Map of the latent space; arrows move z. ${at}`);
    const value = this.byHand
      ? `log p(x|z) ${nats(this.logPx)} nats at a z chosen by hand`
      : `bound ${nats(this.logPx + this.minusKl)} nats`;
    this.say(`${name}: ${value}`);
  }

  say(words) {
    find("#status").textContent = words;
  }
}

function start() {
  readTheme();
  const described = JSON.parse(text("model"));
  find("#app").hidden = false;
  const explorer = new Explorer(described);
  offerToScripts(explorer);
  for (const id of ["weights", "images", "points", "message"]) find(`#${id}`).remove();
}

try {
  start();
} catch (error) {
  find("#app").hidden = true;
  find("#message").textContent = `This browser cannot show the model: ${error.message}`;
  throw error;
}
