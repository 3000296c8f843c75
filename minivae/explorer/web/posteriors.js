// q(z|x), as minivae/posteriors has it. `read` makes a distribution of the encoder's outputs:
// { mu, logVar } and what else the family needs; `sample` gives z and -KL(q(z|x) || p(z)), in nats,
// or for families without a simple form of it the estimate log p(z) - log q(z|x) at that z.

import { LOG_2PI, drawLaplace, drawLogistic, drawNormal, softplus, sum } from "./numbers.js";

class DiagonalGaussian {
  words = "diagonal Gaussian";
  drawNoise = drawNormal;

  constructor(J) {
    this.J = J;
  }

  read(out) {
    return { mu: out.slice(0, this.J), logVar: out.slice(this.J) };
  }

  // eq. 9, app. B
  sample({ mu, logVar }, eps) {
    const z = mu.map((mean, j) => mean + Math.exp(logVar[j] / 2) * eps[j]);
    return { z, minusKl: -sum(this.klOfEach({ mu, logVar })) };
  }

  // The KL is a sum over latents.
  klOfEach({ mu, logVar }) {
    return mu.map((mean, j) => 0.5 * (mean ** 2 + Math.exp(logVar[j]) - 1 - logVar[j]));
  }

  covariance({ logVar }, i, j) {
    return i === j ? Math.exp(logVar[i]) : 0;
  }
}

class IsotropicGaussian extends DiagonalGaussian {
  words = "isotropic Gaussian";

  constructor(J, f) {
    super(J);
    this.f = f;
  }

  read(out) {
    const mu = out.slice(0, this.J).map(this.f);
    return { mu, logVar: new Float64Array(this.J).fill(out[this.J]) };
  }
}

// q_params = [mu, log of C's diagonal, C below it by rows]; z = mu + C eps
class FullCovarianceGaussian {
  words = "Gaussian with full covariance";
  drawNoise = drawNormal;

  constructor(J) {
    this.J = J;
  }

  read(out) {
    const { J } = this;
    const C = [];
    let below = 2 * J;
    for (let i = 0; i < J; i++) {
      C.push(Float64Array.of(...out.subarray(below, below + i), Math.exp(out[J + i])));
      below += i;
    }
    const logVar = Float64Array.from(C, (row) => Math.log(sum(row.map((c) => c * c))));
    return { mu: out.slice(0, J), logVar, C };
  }

  sample({ mu, logVar, C }, eps) {
    const z = mu.map((mean, i) => mean + sum(C[i].map((c, j) => c * eps[j])));
    const terms = mu.map((mean, i) => {
      return 0.5 * (1 - mean ** 2 - Math.exp(logVar[i])) + Math.log(C[i][i]);
    });
    return { z, minusKl: sum(terms) };
  }

  covariance({ C }, i, j) {
    const [short, long] = i < j ? [C[i], C[j]] : [C[j], C[i]];
    return sum(short.map((c, k) => c * long[k]));
  }
}

// q_params = [mu, log s]; z = mu + s eps
class LocationScale {
  constructor(J, { words, drawNoise, logBase, baseVariance }) {
    Object.assign(this, { J, words, drawNoise, logBase, baseVariance });
  }

  read(out) {
    const logScale = out.slice(this.J);
    const logVar = logScale.map((s) => 2 * s + Math.log(this.baseVariance));
    return { mu: out.slice(0, this.J), logVar, logScale };
  }

  sample({ mu, logScale }, eps) {
    const z = mu.map((mean, j) => mean + Math.exp(logScale[j]) * eps[j]);
    const logPrior = z.map((z_j) => -0.5 * (LOG_2PI + z_j ** 2));
    const logQ = logScale.map((s, j) => this.logBase(eps[j]) - s);
    return { z, minusKl: sum(logPrior) - sum(logQ) };
  }

  covariance({ logVar }, i, j) {
    return i === j ? Math.exp(logVar[i]) : 0;
  }
}

// A plain autoencoder: z is the encoder's output, and there is no KL.
class Deterministic {
  words = "none: a plain autoencoder";
  drawNoise = () => 0;

  constructor(J) {
    this.J = J;
  }

  read(out) {
    return { mu: out.slice(), logVar: new Float64Array(this.J).fill(-Infinity) };
  }

  sample({ mu }) {
    return { z: mu.slice(), minusKl: 0 };
  }

  covariance() {
    return 0;
  }
}

const LAPLACE = {
  words: "independent Laplace",
  drawNoise: drawLaplace,
  logBase: (eps) => -Math.abs(eps) - Math.LN2,
  baseVariance: 2,
};

const LOGISTIC = {
  words: "independent logistic",
  drawNoise: drawLogistic,
  logBase: (eps) => -eps - 2 * softplus(-eps),
  baseVariance: Math.PI ** 2 / 3,
};

const POSTERIORS = {
  gaussian: (J) => new DiagonalGaussian(J),
  isotropic: (J) => new IsotropicGaussian(J, (a) => a),
  "isotropic-relu": (J) => new IsotropicGaussian(J, (a) => Math.max(a, 0)),
  "full-covariance": (J) => new FullCovarianceGaussian(J),
  laplace: (J) => new LocationScale(J, LAPLACE),
  logistic: (J) => new LocationScale(J, LOGISTIC),
  deterministic: (J) => new Deterministic(J),
};

export function posteriorOf(name, J) {
  return POSTERIORS[name](J);
}
