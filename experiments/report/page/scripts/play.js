// The first screen: every number of a network can be moved, and all that follows from it moves at once.

const PARTS = { x: "x", y: "y", W1: "W", b1: "b", W2: "V", b2: "c" }; // quantity: its part of the drawing
const PARAMETERS = ["W1", "b1", "W2", "b2"];

class Play {
  constructor(root, network) {
    this.network = network;
    this.given = structuredClone(network.given);
    this.drawing = root.querySelector(`#play-${network.name}`);
    this.over = [["W1", 0], ["W2", 0]];
    this.trail = [];
    this.nudged = ["W1", 0];
    this.power = -3;
    this.state = root.querySelector(".state");
    this.rows = new Map();
    this.table = this.knobs();
    this.canvas = make("canvas", { width: 560, height: 420, role: "img", onclick: (event) => this.jump(event) });
    this.figure = [this.canvas, make("figcaption", {}, this.axes(), "The cost over two of the parameters: a stronger tint is a higher cost. The dot is where you are; the line points where the next step goes. Tap to move.")];
    this.result = make("p", { class: "result" });
    this.nudge = this.nudging();
  }

  symbol([name, i]) {
    return this.network.symbols[name][i];
  }

  knobs() {
    const head = make("tr", {}, ...["", "move", "value", "slope of C", "after a step"].map((text) => make("th", { scope: "col" }, text)));
    const body = make("tbody");
    for (const [name, values] of Object.entries(this.given)) {
      values.forEach((_, i) => {
        const set = (event) => { if (event.target.value !== "") this.set(name, i, Number(event.target.value)); };
        const [low, high] = name === "eta" ? [0, 2] : [-2, 2];
        const label = this.symbol([name, i]);
        const slider = make("input", { type: "range", min: low, max: high, step: 0.01, ariaLabel: label, oninput: set });
        const field = make("input", { type: "number", step: 0.01, ariaLabel: `${label}, as a number`, oninput: set });
        const row = { slider, field, slope: make("td", { class: "n" }), after: make("td", { class: "n" }) };
        this.rows.set(`${name}${i}`, row);
        const light = (on) => () => this.light(PARTS[name] + i, on);
        body.append(make("tr", { onpointerenter: light(true), onpointerleave: light(false), onfocusin: light(true), onfocusout: light(false) },
          make("th", { scope: "row" }, label), make("td", {}, slider), make("td", {}, field), row.slope, row.after));
      });
    }
    return make("table", { class: "knobs" }, make("caption", {}, "Move a number, and see all that follows from it."), make("thead", {}, head), body);
  }

  light(part, on) {
    this.drawing.querySelectorAll(`[data-part=${part}] :is(.edge, .node, .label)`).forEach((shape) => shape.classList.toggle("lit", on));
  }

  parameters() {
    return PARAMETERS.flatMap((name) => this.given[name].map((_, i) => [`${name}.${i}`, this.symbol([name, i])]));
  }

  axes() {
    const axis = (name, which) => choice(name, this.parameters(), this.over[which].join("."), (value) => {
      this.over[which] = [value.split(".")[0], Number(value.split(".")[1])];
      this.trail = [];
      this.show();
    });
    return make("span", { class: "axes" }, axis("Across", 0), axis("Up", 1));
  }

  nudging() {
    const chosen = choice("Nudge", this.parameters(), this.nudged.join("."), (value) => {
      this.nudged = [value.split(".")[0], Number(value.split(".")[1])];
      this.show();
    });
    const slider = make("input", { type: "range", min: -12, max: 0, step: 1, value: this.power, ariaLabel: "ε",
      oninput: () => { this.power = Number(slider.value); this.show(); } });
    return [make("h2", { class: "minor" }, "What is a slope?"), make("p", {}, chosen, make("label", {}, " by ε ", slider)), this.result];
  }

  set(name, i, value) {
    if (!Number.isFinite(value)) return;
    this.given = changed(this.given, name, i, value);
    this.trail = [];
    this.show();
  }

  replace(given) {
    this.given = { ...this.given, ...given };
    this.trail = [];
    this.show();
  }

  descend(steps) {
    for (let k = 0; k < steps; k += 1) {
      this.trail.push(this.at(this.given));
      this.given = { ...this.given, ...step(this.given, this.network.activation).after };
    }
    this.show();
  }

  jump(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const [low, high] = this.range();
    const [across, up] = [(event.clientX - left) / width, 1 - (event.clientY - top) / height];
    const place = (share) => Number((low + share * (high - low)).toFixed(2));
    this.given = changed(changed(this.given, ...this.over[0], place(across)), ...this.over[1], place(up));
    this.trail = [];
    this.show();
  }

  at(given) {
    return this.over.map(([name, i]) => given[name][i]);
  }

  range() {
    const reach = Math.max(2, ...this.at(this.given).map(Math.abs));
    return [-reach, reach];
  }

  show() {
    const found = step(this.given, this.network.activation);
    for (const [key, row] of this.rows) {
      const [name, i] = [key.slice(0, -1), Number(key.slice(-1))];
      const value = this.given[name][i];
      row.slider.value = value;
      if (document.activeElement !== row.field) row.field.value = Number(value.toPrecision(6));
      row.slope.textContent = PARAMETERS.includes(name) ? short(found[`d${name}`][i]) : "";
      row.after.textContent = PARAMETERS.includes(name) ? short(found.after[name][i]) : "";
    }
    this.label(found);
    this.say(found);
    this.slope(found);
    const path = [...this.trail, this.at({ ...this.given, ...found.after }), this.at(this.given)];
    const [across, up] = this.over.map((each) => this.symbol(each));
    this.canvas.ariaLabel = `The cost over ${across} and ${up}`;
    drawSurface(this.canvas, { ...this, activation: this.network.activation, range: this.range(), path, ahead: true });
  }

  label(found) {
    const values = { ...this.given, ...found };
    const nodes = { x: ["x"], h: ["a1", "delta1"], o: ["z2", "delta2"], C: ["C"], y: ["y"] };
    const edges = { W: ["W1", "dW1"], b: ["b1", "db1"], V: ["W2", "dW2"], c: ["b2", "db2"] };
    for (const [part, [value, slope]] of Object.entries({ ...nodes, ...edges })) {
      values[value].forEach((number, i) => {
        const group = this.drawing.querySelectorAll(`[data-part=${part}${i}]`);
        group.forEach((each) => {
          const [text, derivative] = [each.querySelector("text.value:not(.derivative), tspan:not([class])"), each.querySelector(".derivative")];
          if (text) text.textContent = short(number);
          if (derivative) derivative.textContent = (derivative.matches("tspan") ? "∂ " : "") + short(values[slope][i]);
        });
      });
    }
    found.a1.forEach((a, j) => this.drawing.querySelector(`[data-part=h${j}] .node`).classList.toggle("off", this.network.activation === "relu" && a === 0));
  }

  say(found) {
    const { W1, b1, W2, x } = this.given;
    const after = forward({ ...this.given, ...found.after }, this.network.activation).C[0];
    const off = this.network.activation === "relu" ? found.z1.flatMap((z, j) => (z > 0 ? [] : [j + 1])) : [];
    const alike = b1[0] === b1[1] && W2[0] === W2[1] && x.every((_, i) => W1[i] === W1[x.length + i]);
    const lines = [`Cost ${short(found.C[0])}; after one step ${short(after)}.`];
    if (off.length === 1) lines.push(`Neuron ${off[0]} is off: ReLU gives 0, and no slope reaches its weights. Raise its bias.`);
    if (off.length === 2) lines.push("Both neurons are off: only the output’s bias can learn.");
    if (alike && off.length < 2) lines.push("The two neurons are equal, get equal slopes, and never part.");
    if (after > found.C[0]) lines.push("The step is too long: it overshoots. Lower the learning rate.");
    const text = lines.join(" ");
    if (this.state.textContent !== text) this.state.textContent = text;
  }

  slope(found) {
    const [name, i] = this.nudged;
    const epsilon = 10 ** this.power;
    const cost = (value) => forward(changed(this.given, name, i, value), this.network.activation).C[0];
    const ratio = (cost(this.given[name][i] + epsilon) - found.C[0]) / epsilon;
    const symbol = this.symbol(this.nudged);
    const why = this.power <= -9 ? "So small an ε drowns in rounding." : this.power >= -1 ? "So large an ε leaves the straight part of the curve." : "The smaller ε is, the nearer the two.";
    this.result.replaceChildren(`Raise ${symbol} by ε = ${signed(epsilon.toString())}: the cost changes by ΔC, and `,
      make("b", {}, `ΔC/ε = ${short(ratio, 8)}`), ". Backpropagation, without any nudge: ",
      make("b", {}, `∂C/∂${symbol} = ${short(found[`d${name}`][i], 8)}`), `. ${why}`);
  }
}

function startPlay(root) {
  const plays = JSON.parse(root.dataset.networks).map((network) => new Play(root, network));
  const [toolbar, knobs, surface, nudge] = [".toolbar", ".controls-of", ".surface", ".nudge"].map((name) => root.querySelector(name));
  let play;

  const zero = (given) => Object.fromEntries(PARAMETERS.map((name) => [name, given[name].map(() => 0)]));
  const random = (given) => Object.fromEntries(PARAMETERS.map((name) => [name, given[name].map(() => Number((2 * Math.random() - 1).toFixed(2)))]));
  const button = (text, act) => make("button", { type: "button", onclick: act }, text);
  const revive = button("Revive neuron 2", () => play.set("b1", 1, -0.1));

  function choose(name) {
    play = plays.find((each) => each.network.name === name);
    plays.forEach((each) => { each.drawing.hidden = each !== play; });
    knobs.replaceChildren(play.table);
    surface.replaceChildren(...play.figure);
    nudge.replaceChildren(...play.nudge);
    revive.hidden = play.network.activation !== "relu";
    play.show();
  }

  toolbar.append(
    choice("Play with", plays.map(({ network }) => [network.name, network.title]), plays[0].network.name, choose),
    button("Take the step", () => play.descend(1)), button("10 steps", () => play.descend(10)),
    revive, button("Zero start", () => play.replace(zero(play.given))), button("Random start", () => play.replace(random(play.given))),
    button("As in the post", () => play.replace(structuredClone(play.network.given))));
  [toolbar, knobs, surface, nudge, root.querySelector(".state")].forEach((each) => { each.hidden = false; });
  choose(plays[0].network.name);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => play.show());
}

document.querySelectorAll("#play").forEach(startPlay);
