// A row for every latent, the active ones first: mean and spread of q(z_j|x), and z_j as a slider.

import { clamp, decimal } from "./numbers.js";

const SHOWN = 20; // rows, until all are asked for

export class LatentRows {
  // `current` gives z as it is now, `moved` takes another one.
  constructor(list, more, model, described, current, moved) {
    Object.assign(this, { list, model, described, current, moved });
    const { variance } = described;
    this.order = variance.map((_, j) => j).sort((i, j) => variance[j] - variance[i]);
    this.rows = [];
    this.show(SHOWN);
    more.hidden = model.J <= SHOWN;
    more.textContent = `Show all ${model.J} latents`;
    more.addEventListener("click", () => {
      this.show(model.J);
      more.hidden = true;
      this.draw(this.last);
    });
  }

  show(n) {
    for (const j of this.order.slice(this.rows.length, n)) this.rows.push(this.makeRow(j));
  }

  makeRow(j) {
    const reach = this.described.reach[j];
    const active = this.described.variance[j] > this.described.active_above;
    const row = document.createElement("li");
    row.className = active ? "latent" : "latent inactive";
    row.innerHTML = `
      <label for="z-${j + 1}"><i>z</i><sub>${j + 1}</sub></label>
      <div class="track">
        <span class="spread two"></span><span class="spread one"></span><span class="mean"></span>
        <input type="range" id="z-${j + 1}" min="${-reach}" max="${reach}" step="0.01">
      </div>
      <output class="number" for="z-${j + 1}"></output>`;
    this.list.append(row);
    const [two, one, mean] = row.querySelectorAll(".track span");
    const slider = row.querySelector("input");
    slider.setAttribute("aria-label", `z ${j + 1}${active ? "" : ", inactive"}`);
    slider.addEventListener("input", () => {
      const z = Float64Array.from(this.current());
      z[j] = slider.valueAsNumber;
      this.moved(z);
    });
    return { j, reach, two, one, mean, slider, numbers: row.querySelector("output") };
  }

  draw({ q, z }) {
    this.last = { q, z };
    for (const { j, reach, two, one, mean, slider, numbers } of this.rows) {
      const [mu, sigma] = [q.mu[j], Math.exp(q.logVar[j] / 2)];
      const percent = (value) => 50 + (50 * clamp(value, -reach, reach)) / reach;
      for (const [bar, sd] of [[one, sigma], [two, 2 * sigma]]) {
        bar.style.left = `${percent(mu - sd)}%`;
        bar.style.right = `${100 - percent(mu + sd)}%`;
      }
      mean.style.left = `${percent(mu)}%`;
      slider.value = z[j];
      numbers.textContent = `${decimal(mu)} ± ${decimal(sigma)}`;
    }
  }
}
