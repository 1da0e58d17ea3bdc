// The error surface over two numbers, as tinted bands on a canvas: the stronger the tint, the higher the cost.

const CELLS = [56, 42];
const BANDS = 11;

function drawSurface(canvas, { given, activation, over, range, path }) {
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
  path.forEach(([p, q], i) => (i ? context.lineTo(across(p), up(q)) : context.moveTo(across(p), up(q))));
  context.stroke();
  path.forEach(([p, q], i) => {
    context.beginPath();
    context.arc(across(p), up(q), i === path.length - 1 ? 7 : 3, 0, 2 * Math.PI);
    context.fill();
  });
}
