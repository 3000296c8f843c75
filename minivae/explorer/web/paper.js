// Where the paper (Kingma and Welling, arXiv 1312.6114) has each quantity, and which notebook
// derives it. An element with data-paper="..." becomes a link.

const NOTEBOOKS = {
  "01_hidden_causes": "1. A probability model with a hidden cause",
  "03_gradients_through_randomness": "3. Gradients through randomness",
  "05_the_variational_autoencoder": "5. The variational autoencoder",
  "06_looking_inside": "6. Looking inside",
};

const V = (letter) => `<i>${letter}</i>`;
const sub = (index) => `<sub>${index}</sub>`;
const MU = V("μ");
const SIGMA = V("σ");
const X_D = V("x") + sub("d");
const X_GIVEN_Z = `${V("p")}${sub("θ")}(${V("x")}|${V("z")})`;
const Q = `${V("q")}${sub("φ")}(${V("z")}|${V("x")})`;
const KL = `${V("D")}${sub("KL")}(${Q} ‖ ${V("p")}(${V("z")}))`;

const LIKELIHOODS = {
  bernoulli: {
    where: "eq. 11, app. C.1",
    notebook: "05_the_variational_autoencoder",
    formula: `log ${X_GIVEN_Z} = Σ${sub("d")} ${X_D} log ${V("y")}${sub("d")} +
      (1 − ${X_D}) log(1 − ${V("y")}${sub("d")}), where ${V("y")} is the decoder's picture`,
  },
  gaussian: {
    where: "eq. 12, app. C.2",
    notebook: "06_looking_inside",
    formula: `log ${X_GIVEN_Z} = log N(${V("x")}; ${MU}, ${SIGMA}² I), both from the decoder`,
  },
  "gaussian-fixed": {
    where: "eq. 12, app. C.2",
    notebook: "06_looking_inside",
    formula: `log ${X_GIVEN_Z} = log N(${V("x")}; ${MU}, ${SIGMA}² I), ${MU} from the decoder,
      ${SIGMA} given`,
  },
  poisson: {
    where: "like eq. 11",
    notebook: "05_the_variational_autoencoder",
    formula: `log ${X_GIVEN_Z} = Σ${sub("d")} ${X_D} log ${V("λ")}${sub("d")} −
      ${V("λ")}${sub("d")} − log ${X_D}!, where ${V("λ")} is what the decoder gives`,
  },
};

const QUANTITIES = {
  x: {
    name: `${V("x")}, the datapoint`,
    where: "sec. 2.1",
    formula: `one of ${V("N")}, made from a hidden ${V("z")} that nobody has seen`,
    notebook: "01_hidden_causes",
  },
  q: {
    name: `${Q}, the encoder's guess at ${V("z")}`,
    where: "eq. 9",
    formula: `N(${V("z")}; ${MU}, ${SIGMA}² I) in the paper; ${MU} and log ${SIGMA}² are what the
      encoder says about ${V("x")}`,
    notebook: "05_the_variational_autoencoder",
  },
  z: {
    name: `${V("z")}, a draw from the guess`,
    where: "eq. 4, 10",
    formula: `${V("z")} = ${MU} + ${SIGMA} ⊙ ${V("ε")}, ${V("ε")} ~ N(0, I)`,
    notebook: "03_gradients_through_randomness",
  },
  decoder: {
    name: `E[${V("x")}|${V("z")}], the decoder's picture`,
    where: "app. C",
    formula: `the mean of ${X_GIVEN_Z}, the distribution that the decoder gives for ${V("z")}`,
    notebook: "05_the_variational_autoencoder",
  },
  likelihood: { name: `log ${X_GIVEN_Z}, the reconstruction term` },
  kl: {
    name: `−${KL}, the other term`,
    where: "app. B",
    formula: `½ Σ${sub("j")} (1 + log ${SIGMA}${sub("j")}² − ${MU}${sub("j")}² −
      ${SIGMA}${sub("j")}²) for the paper's ${V("q")}`,
    notebook: "05_the_variational_autoencoder",
  },
  bound: {
    name: `ℒ, the bound on log ${V("p")}(${V("x")})`,
    where: "eq. 7, 10",
    formula: `ℒ(${V("θ")}, ${V("φ")}; ${V("x")}) ≃ −${KL} + log ${X_GIVEN_Z}, estimated with a
      single draw of ${V("z")}`,
    notebook: "05_the_variational_autoencoder",
  },
  map: {
    name: "the map: the decoder's pictures of a plane of latents",
    where: "fig. 4, app. A",
    formula: `E[${V("x")}|${V("z")}] on a grid; the dotted circles are one and two standard
      deviations of the prior ${V("p")}(${V("z")}) = N(0, I)`,
    notebook: "06_looking_inside",
  },
  active: {
    name: `active latents`,
    where: "sec. 5",
    formula: `of superfluous ones the bound makes no use. Active are those whose mean
      ${MU}${sub("j")} changes with ${V("x")}, by a variance above 0.01 over the test set; for
      the others ${V("q")} is the prior, at no cost`,
    notebook: "06_looking_inside",
  },
  path: {
    name: `(1 − ${V("t")}) ${MU}${sub("A")} + ${V("t")} ${MU}${sub("B")}, a path`,
    where: "app. A",
    formula: "a straight line through the plane of figure 4, or through more dimensions",
    notebook: "06_looking_inside",
  },
};

// `tutorials` is an address with {name} in it, or null: links then lead to the list on the page.
export function linkToThePaper(list, likelihood, tutorials) {
  Object.assign(QUANTITIES.likelihood, LIKELIHOODS[likelihood]);
  const address = (notebook) => tutorials?.replace("{name}", notebook);
  for (const [key, { name, where, formula, notebook }] of Object.entries(QUANTITIES)) {
    const title = NOTEBOOKS[notebook];
    const entry = document.createElement("div");
    entry.id = `paper-${key}`;
    entry.innerHTML = `<dt>${name}</dt><dd>${where}: ${formula}. Derived in notebook
      <a><cite>${title}</cite></a><span> (<code>tutorials/${notebook}.ipynb</code>)</span>.</dd>`;
    if (tutorials) {
      entry.querySelector("a").href = address(notebook);
      entry.querySelector("dd > span").remove();
    }
    list.append(entry);
    for (const link of document.querySelectorAll(`[data-paper="${key}"]`)) {
      link.textContent = where;
      link.href = address(notebook) ?? `#paper-${key}`;
      link.title = `Derived in notebook ${title}`;
      link.className = "paper";
    }
  }
}
