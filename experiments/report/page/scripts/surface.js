// The error surface over two numbers, as tinted bands on a canvas: the stronger the tint, the higher the cost.

const CELLS = [56, 42];
const BANDS = 11;

const SEEN = 24; // pixels that the way of the next step is drawn, if it is shorter: it would lie under the dot

function stretched(from, to) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  return length === 0 || length > SEEN ? to : to.map((end, i) => from[i] + ((end - from[i]) * SEEN) / length);
}

function drawSurface(canvas, { given, activation, over, range, path, ahead = false }) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const [columns, rows] = CELLS;
  const middle = (k, n) => range[0] + ((k + 0.5) / n) * (range[1] - range[0]);
  const u = Array.from({ length: columns }, (_, k) => middle(k, columns));
  const v = Array.from({ length: rows }, (_, k) => middle(k, rows));
  const costs = heights(given, activation, over, u, v);
  const highest = Math.max(...costs.flat());
  const band = (cost) => Math.floor(BANDS * Math.sqrt(cost / highest || 0));
  const across = (value) => ((value - range[0]) / (range[1] - range[0])) * width;
  const up = (value) => height - ((value - range[0]) / (range[1] - range[0])) * height;

  context.clearRect(0, 0, width, height);
  context.fillStyle = colour("accent");
  costs.forEach((row, j) => {
    const bands = row.map(band);
    for (let from = 0, to = 0; from < columns; from = to) { // neighbours of one band are one rectangle
      while (to < columns && bands[to] === bands[from]) to += 1;
      context.globalAlpha = 0.03 + 0.045 * bands[from];
      context.fillRect((from * width) / columns, height - ((j + 1) * height) / rows, ((to - from) * width) / columns, height / rows);
    }
  });
  context.globalAlpha = 1;

  context.strokeStyle = colour("manual");
  context.fillStyle = colour("ink");
  context.lineWidth = 4;
  context.beginPath();
  const points = path.map(([p, q]) => [across(p), up(q)]);
  if (ahead) points.splice(-2, 1, stretched(...points.slice(-2).reverse()));
  points.forEach((point, i) => (i ? context.lineTo(...point) : context.moveTo(...point)));
  context.stroke();
  points.forEach((point, i) => {
    context.beginPath();
    context.arc(...point, i === points.length - 1 ? 7 : 3, 0, 2 * Math.PI);
    context.fill();
  });
}
