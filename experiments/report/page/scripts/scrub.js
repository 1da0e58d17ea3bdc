// The scrubber over training: what the runs logged, redrawn at the moment that the slider is at.

function startScrubber(root) {
  const { hand, sine, digits } = JSON.parse(root.dataset.runs);
  const [surface, fitted, errors] = [...root.querySelectorAll("figure")].map((figure) => figure.querySelectorAll("canvas, figcaption"));
  const [slider, output] = [root.querySelector(".moment"), root.querySelector("output")];
  const HAND = { x: [0.5, 0.1], y: [0.8] };
  const at = (run, k) => Object.fromEntries(PARAMETERS.map((name) => [name, run[name][k]]));
  const nearest = (share, count) => Math.round((share / 100) * (count - 1));

  // A line, or dots, through points of the unit square.
  function plot(canvas, points, name, dots = false) {
    const context = canvas.getContext("2d");
    const [across, up] = [(p) => 30 + p * (canvas.width - 60), (q) => canvas.height - 30 - q * (canvas.height - 60)];
    context.strokeStyle = context.fillStyle = colour(name);
    context.lineWidth = 4;
    context.beginPath();
    points.forEach(([p, q]) => {
      if (dots) { context.moveTo(across(p) + 4, up(q)); context.arc(across(p), up(q), 4, 0, 2 * Math.PI); }
      else context.lineTo(across(p), up(q));
    });
    if (dots) context.fill(); else context.stroke();
  }

  function descend(share) {
    const k = nearest(share, hand.steps.length);
    const path = hand.W1.slice(0, k + 1).map((W1, i) => [W1[0], hand.W2[i][0]]);
    const given = { ...HAND, ...at(hand, k) };
    drawSurface(surface[0], { given, activation: "relu", over: [["W1", 0], ["W2", 0]], range: [0, 1.2], path });
    surface[1].textContent = surface[0].ariaLabel = `Post A: after ${hand.steps[k]} steps the cost is ${short(forward(given, "relu").C[0], 2)}. Across W¹₁₁, up W²₁₁, from 0 to 1.2; the other seven weights are those of this moment.`;
  }

  function bend(share) {
    const k = nearest(share, sine.steps.length);
    const f = (x) => forward({ x: [x], y: [0], ...at(sine, k) }, "sigmoid").z2[0];
    const unit = (x, y) => [(x + 1) / 2, (y + 0.7) / 1.4];
    fitted[0].getContext("2d").clearRect(0, 0, fitted[0].width, fitted[0].height);
    plot(fitted[0], sine.x.map((x, i) => unit(x, sine.y[i])), "muted", true);
    plot(fitted[0], sine.x.map((x) => unit(x, Math.min(0.7, Math.max(-0.7, f(x))))), "manual");
    fitted[1].textContent = fitted[0].ariaLabel = `Post B: f after ${sine.steps[k]} steps, and the sine that it learns (dots). Across x from −1 to 1, up from −0.7 to 0.7.`;
  }

  function read(share) {
    const k = nearest(share, digits.wrong.length);
    const highest = Math.max(...digits.wrong, 0.01);
    const unit = (wrong, epoch) => [epoch / Math.max(1, digits.wrong.length - 1), wrong / highest];
    errors[0].getContext("2d").clearRect(0, 0, errors[0].width, errors[0].height);
    plot(errors[0], digits.wrong.map(unit), "rule");
    plot(errors[0], digits.wrong.slice(0, k + 1).map(unit), "manual");
    plot(errors[0], [unit(digits.wrong[k], k)], "ink", true);
    errors[1].textContent = errors[0].ariaLabel = `Digits: after epoch ${k + 1}, ${short(100 * digits.wrong[k], 2)}% of the validation digits are read wrongly. The scale ends at ${short(100 * highest, 2)}%.`;
  }

  function show() {
    const share = Number(slider.value);
    output.textContent = `${share}% of the training`;
    [descend, bend, read].forEach((draw) => draw(share));
  }

  root.hidden = false;
  slider.addEventListener("input", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

document.querySelectorAll("#scrubber").forEach(startScrubber);
