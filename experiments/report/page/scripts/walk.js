// A walk shows one step at a time: by its buttons, by ← → Home End while it is in the middle of the screen, or by a link to a step.
// Without this script, and in print, all steps stand below each other.
for (const walk of document.querySelectorAll(".walk")) {
  const steps = [...walk.querySelectorAll(".step")];
  const controls = walk.querySelector(".controls");
  const [previous, next, all] = controls.querySelectorAll("button");
  const counter = controls.querySelector("[aria-live]");
  const last = steps.length - 1;
  let at = 0;

  function show(step) {
    at = Math.min(Math.max(step, 0), last);
    walk.classList.add("stepping");
    const focused = steps.findIndex((each) => each.contains(document.activeElement));
    if (focused >= 0 && focused !== at) walk.focus({ preventScroll: true }); // it would be lost with the step
    steps.forEach((each, i) => { each.hidden = i !== at; });
    previous.setAttribute("aria-disabled", at === 0); // a button that is disabled would lose the focus
    next.setAttribute("aria-disabled", at === last);
    counter.textContent = `Step ${at + 1} of ${steps.length}: ${steps[at].dataset.phase}`;
  }

  function showAll() {
    walk.classList.remove("stepping");
    steps.forEach((each) => { each.hidden = false; });
    counter.textContent = `All ${steps.length} steps`;
  }

  function showLinked() {
    const linked = steps.findIndex((step) => `#${step.id}` === location.hash);
    if (linked >= 0) {
      show(linked);
      walk.scrollIntoView();
    }
  }

  previous.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => show(at + 1));
  all.addEventListener("click", showAll);
  addEventListener("hashchange", showLinked);
  walk.addEventListener("keydown", byKey);
  addEventListener("keydown", (event) => { // without a focus, the keys are the walk's that is to be seen
    const { top, bottom } = walk.getBoundingClientRect();
    if (event.target === document.body && top < innerHeight / 2 && bottom > innerHeight / 2) byKey(event);
  });

  function byKey(event) {
    if (event.target.matches("input")) return;
    const step = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    const other = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    const box = event.target.closest(".scroll, .equations");
    if (step === undefined || other || (box && box.scrollWidth > box.clientWidth)) return; // what scrolls has the keys itself
    event.preventDefault();
    show(step);
  }
  controls.hidden = false;
  show(0);
  showLinked();
}

// A link into something folded unfolds it, where the browser does not.
function unfold() {
  const target = document.getElementById(location.hash.slice(1));
  for (let folded; (folded = target?.closest("details:not([open])")); folded.open = true, target.scrollIntoView());
}
addEventListener("hashchange", unfold);
unfold();
