"use strict";
// One training step of a network with two hidden neurons and one output, by the equations of the hand-written code.
// Every quantity is a flat array, row by row. A test holds these numbers to those of that code.

const ACTIVATIONS = {
  relu: { of: (z) => Math.max(0, z), slope: (z) => (z > 0 ? 1 : 0) },
  sigmoid: { of: (z) => 1 / (1 + Math.exp(-z)), slope: (z, a) => a * (1 - a) },
};

// z = W a + b, for each neuron j.
function weighted(W, a, b) {
  return b.map((bias, j) => a.reduce((sum, input, i) => sum + W[j * a.length + i] * input, bias));
}

function forward({ x, y, W1, b1, W2, b2 }, activation) {
  const z1 = weighted(W1, x, b1);
  const a1 = z1.map(ACTIVATIONS[activation].of);
  const z2 = weighted(W2, a1, b2);
  const error = z2[0] - y[0];
  return { z1, a1, z2, C: [(error * error) / 2] };
}

function step(given, activation) {
  const { x, y, eta, W1, b1, W2, b2 } = given;
  const passed = forward(given, activation);
  const { z1, a1, z2 } = passed;
  const delta2 = [z2[0] - y[0]]; // equation 1
  const delta1 = z1.map((z, j) => W2[j] * delta2[0] * ACTIVATIONS[activation].slope(z, a1[j])); // equation 2
  const gradient = {
    dW1: delta1.flatMap((delta) => x.map((input) => delta * input)), // equation 4
    db1: delta1, // equation 3
    dW2: a1.map((a) => delta2[0] * a),
    db2: delta2,
  };
  const moved = (parameter, slope) => parameter.map((value, i) => value - eta[0] * slope[i]);
  const after = {
    W1: moved(W1, gradient.dW1),
    b1: moved(b1, gradient.db1),
    W2: moved(W2, gradient.dW2),
    b2: moved(b2, gradient.db2),
  };
  return { ...passed, delta2, delta1, ...gradient, after };
}

// The same numbers with one of them changed.
function changed(given, name, i, value) {
  return { ...given, [name]: given[name].map((old, at) => (at === i ? value : old)) };
}

// (v, u): the cost with two of the numbers at each pair of values.
function heights(given, activation, [[first, i], [second, j]], u, v) {
  const moved = structuredClone(given); // written to in place: this runs thousands of times while a slider moves
  return v.map((q) => u.map((p) => {
    moved[first][i] = p;
    moved[second][j] = q;
    return forward(moved, activation).C[0];
  }));
}
