/* What a reader types is turned into what the index holds: formulas are indexed as they are written in TeX, so that λ stands there
   as lambda and P_max as p_ and max; accents are left out on both sides. Sphinx calls splitQuery if there is one (searchtools.js). */
const isacGreek = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon phi chi psi omega".split(" ");
const isacPlain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "");

function splitQuery(query) {
  const { terms, titleterms } = Search._index;
  for (const index of [terms, titleterms]) {
    Object.setPrototypeOf(index, { __proto__: null, hasOwnProperty: Object.prototype.hasOwnProperty }); // "constructor" is a word
    for (const word of Object.keys(index).filter((word) => isacPlain(word) !== word)) {
      const plain = isacPlain(word);
      index[plain] = [...new Set([index[plain] ?? [], index[word]].flat())];
      delete index[word];
    }
  }
  const named = { ϑ: "theta", ϕ: "phi", ϵ: "epsilon", ℓ: "ell" };
  isacGreek.forEach((name, i) => (named[String.fromCodePoint(0x3b1 + i)] = name));
  const written = isacPlain(query)
    .replace(/\u03bc(?=[ms]\b)/g, "\u00b5") // micrometres and microseconds
    .replace(/[\p{Script=Greek}ℓ](?=(\p{L}?))/gu, (letter, next) => (named[letter.toLowerCase()] ?? letter) + (next && " "));
  const symbol = new RegExp(`^(?:([a-z]|ell|${isacGreek.join("|")})_|([a-z])(?=(?:max|min)$))(.+)$`, "i");
  return written
    .split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu)
    .filter(Boolean)
    .flatMap((word) => {
      const parts = terms[word.toLowerCase()] === undefined && word.match(symbol);
      return parts ? [`${parts[1] ?? parts[2]}_`, parts[3]] : [word];
    });
}
