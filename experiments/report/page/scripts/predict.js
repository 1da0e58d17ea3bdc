// Predict, then reveal: a step's numbers are hidden, and a field takes the reader's own.

function startPredicting(walk) {
  const toggle = walk.querySelector(".predict");
  const steps = [...walk.querySelectorAll(".step")];

  toggle.addEventListener("click", () => {
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", on);
    walk.classList.toggle("predicting", on);
    steps.forEach((step) => step.querySelectorAll(".line").forEach((line) => (on ? ask(step, line) : reveal(step, line))));
  });
}

function ask(step, line) {
  const hint = make("span", { role: "status" });
  const field = make("input", { type: "text", inputMode: "decimal", size: 9, ariaLabel: "Your number" });
  let tries = 0;

  function check() {
    const [over, under = 1] = field.value.replace("−", "-").replaceAll(",", ".").split("/"); // 8/25 is a number, too
    const [guess, value] = [Number(over) / Number(under), Number(line.dataset.value)];
    const near = (number) => Math.abs(guess - number) <= 0.01 * Math.abs(number);
    tries += 1;
    if (field.value.trim() === "" || Number.isNaN(guess)) hint.textContent = "A number, please.";
    else if (near(value)) reveal(step, line, "Right.");
    else if (near(-value)) hint.textContent = "The size is right, the sign is not.";
    else if (tries === 1) hint.textContent = "Not yet. Put the numbers from the drawing, or from a step before, into the equation.";
    else {
      hint.textContent = "Not yet. Here are the numbers, put in.";
      line.classList.add("hinted");
    }
  }

  reveal(step, line);
  line.classList.add("asked");
  step.classList.add("unsolved");
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") check(); });
  line.append(make("span", { class: "guess" }, "= ", field, make("button", { type: "button", onclick: check }, "Check"),
    make("button", { type: "button", onclick: () => reveal(step, line) }, "Show"), hint));
  veil(step, line, true);
}

function reveal(step, line, said = "") {
  line.classList.remove("asked", "hinted");
  line.querySelector(".guess")?.remove();
  if (said) line.append(make("span", { class: "guess", role: "status" }, ` ✓ ${said}`));
  veil(step, line, false);
  step.classList.toggle("unsolved", step.querySelector(".asked") !== null);
}

// The drawing holds the number that is asked for, too.
function veil(step, line, hidden) {
  const part = line.querySelector("[data-part]")?.dataset.part;
  step.querySelectorAll(`g[data-part="${part}"]`).forEach((group) => group.classList.toggle("veiled", hidden));
}

document.querySelectorAll(".walk").forEach(startPredicting);
