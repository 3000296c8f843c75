// The model, as minivae/vae.py has it: encoder, q(z|x), decoder, p(x|z), and the bound of eq. 10.

import { Network } from "./layers.js";
import { likelihoodOf } from "./likelihoods.js";
import { posteriorOf } from "./posteriors.js";

export class Model {
  constructor(described, vector) {
    this.D = described.n_features;
    this.J = described.n_latent;
    this.encoder = new Network(described.encoder, vector);
    this.decoder = new Network(described.decoder, vector);
    this.likelihood = likelihoodOf(described.likelihood);
    this.posterior = posteriorOf(described.posterior, this.J);
  }

  // q(z|x)
  encode(x) {
    return this.posterior.read(this.encoder.forward(x));
  }

  // The mean of p(x|z)
  decode(z) {
    return this.likelihood.mean(this.decoder.forward(z));
  }

  // log p(x|z), and the mean of p(x|z) beside it
  explain(x, z) {
    const out = this.decoder.forward(z);
    return { logPx: this.likelihood.logProb(out, x), mean: this.likelihood.mean(out) };
  }

  drawNoise() {
    return Float64Array.from({ length: this.J }, () => this.posterior.drawNoise());
  }

  // 784–500–2–500–784
  get widths() {
    const hidden = ({ layers }) => layers.slice(0, -1).map((layer) => layer.n_out);
    return [this.D, ...hidden(this.encoder), this.J, ...hidden(this.decoder), this.D].join("–");
  }

  get activations() {
    const hidden = ({ layers }) => layers.slice(0, -1).map((layer) => layer.activation);
    const names = new Set([...hidden(this.encoder), ...hidden(this.decoder)]);
    for (const none of [undefined, "identity"]) names.delete(none);
    return names.size ? [...names].join(", ") : "linear";
  }
}
