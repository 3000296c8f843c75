// `window.minivae`: the model and the page, for scripts. Numbers are as in Python: pixels as the
// model takes them (bytes divided by 255), z and eps of one datapoint, terms in nats.

function checked(name, values, length) {
  const numbers = Float64Array.from(values);
  if (numbers.length !== length) {
    throw new RangeError(`${name} has ${numbers.length} numbers, expected ${length}`);
  }
  if (!numbers.every(Number.isFinite)) {
    throw new RangeError(`${name} has numbers that are not finite`);
  }
  return numbers;
}

export function offerToScripts(explorer) {
  const { model, described } = explorer;
  const pixelsOf = (values) => checked("pixels", values, model.D);
  const latentsOf = (name, values) => checked(name, values, model.J);

  window.minivae = {
    model: described,

    // Mean and log variance of q(z|x), as `VAE.encode`.
    encode(pixels) {
      const { mu, logVar } = model.encode(pixelsOf(pixels));
      return { mu: [...mu], log_var: [...logVar] };
    },

    // The mean of p(x|z), as `VAE.decode`.
    decode(z) {
      return [...model.decode(latentsOf("z", z))];
    },

    // The bound and its two terms, as `VAE.elbo_terms` with a single sample.
    bound(pixels, eps) {
      const x = pixelsOf(pixels);
      const { z, minusKl } = model.posterior.sample(model.encode(x), latentsOf("eps", eps));
      const { logPx } = model.explain(x, z);
      return { bound: logPx + minusKl, log_px: logPx, minus_kl: minusKl, z: [...z] };
    },

    // Put a datapoint on the page, or choose z; they appear in the next frame.
    show(pixels) {
      explorer.take(pixelsOf(pixels), "a datapoint from a script");
    },

    moveTo(z) {
      explorer.moveTo(latentsOf("z", z));
    },

    // What the page shows. `drawn`: it is all of that; `settled`: and the map is, too.
    get state() {
      const { x, eps, z, byHand, logPx, minusKl, stale, awake, rested } = explorer;
      return {
        pixels: [...x],
        eps: [...eps],
        z: [...z],
        by_hand: byHand,
        log_px: logPx,
        minus_kl: minusKl,
        drawn: !stale,
        settled: !stale && !awake && rested,
      };
    },
  };
}
