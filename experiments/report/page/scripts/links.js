// A term of a step is in its drawing, its equation, its numbers and its code: touch one of them, and all light up.

function startLinks(step) {
  const terms = [...step.querySelectorAll("[data-term]")];
  const meets = (one, other) => {
    const [[name, i], [other_name, j]] = [one, other].map((term) => term.dataset.term.split(" "));
    return name === other_name && (i === j || i === undefined || j === undefined);
  };

  function light(chosen) {
    const found = terms.filter((term) => chosen.some((each) => meets(term, each)));
    const parts = new Set(found.map((term) => term.dataset.part));
    terms.forEach((term) => term.classList.toggle("linked", found.includes(term)));
    step.querySelectorAll("g[data-part]").forEach((part) => part.classList.toggle("linked", parts.has(part.dataset.part)));
  }

  function follow(event) {
    const term = event.target.closest("[data-term]");
    const part = event.target.closest("g[data-part]");
    if (term) light([term]);
    else if (part) light(terms.filter((each) => each.dataset.part === part.dataset.part));
    else if (event.type !== "focusin") light([]);
  }

  ["pointerover", "focusin", "click"].forEach((type) => step.addEventListener(type, follow));
  step.addEventListener("pointerleave", () => light([]));
  step.querySelectorAll(".worked .term").forEach((term) => { term.tabIndex = 0; });
}

document.querySelectorAll(".step").forEach(startLinks);
