"use strict";
// New market: what is suggested goes into fields that nobody typed in, problems beside them, and
// what the rules mean beside the form. All of it is worked out by the server.
(() => {
    const WAIT_MS = 400;
    const form = document.getElementById("launch");
    const preview = document.getElementById("preview");
    const asked = document.getElementById("asked");
    const check = document.getElementById("check");
    const list = form.elements.touched;
    const touched = new Set(list.value.split(",").filter(Boolean));
    let timer = 0;
    let newest = 0;

    async function post(url) {
        const response = await fetch(url, {method: "POST", body: new FormData(form), redirect: "error"});
        if (!response.ok) {
            throw new Error(`status ${response.status}`);
        }
        return response.json();
    }

    function fill(suggested) {
        for (const [name, value] of Object.entries(suggested)) {
            const field = form.elements[name];
            if (name !== "tiers" && field && !touched.has(name)) {
                field.value = value;
            }
        }
        if (!suggested.tiers || touched.has("tiers")) {
            return;
        }
        for (let at = 0; form.elements[`tiers-${at}-floor`]; at += 1) {
            const row = suggested.tiers[at] || ["", "", ""];
            ["floor", "max_leverage", "maintenance_percent"].forEach((name, column) => {
                form.elements[`tiers-${at}-${name}`].value = row[column];
            });
        }
    }

    function say(problems) {
        form.querySelectorAll(".launch-problem").forEach((one) => one.remove());
        for (const [name, texts] of Object.entries(problems)) {
            const field = form.elements[name];
            const place = name === "tiers" ? form.querySelector("[data-problems=tiers]") : field;
            // What is still empty is not wrong yet.
            if (!place || !texts.length || (field && !field.value)) {
                continue;
            }
            const line = document.createElement("p");
            line.className = "launch-problem";
            line.textContent = texts.join(" ");
            place.after(line);
            const folded = line.closest("details");
            if (folded) {
                folded.open = true;
            }
        }
    }

    async function look() {
        newest += 1;
        const mine = newest;
        list.value = [...touched].join(",");
        try {
            const answer = await post(form.dataset.previewUrl);
            if (mine === newest) {
                fill(answer.suggested);
                say(answer.problems);
                preview.innerHTML = answer.html;
                preview.classList.remove("launch-stale");
            }
        } catch {
            preview.classList.add("launch-stale");
        }
    }

    function lookSoon() {
        clearTimeout(timer);
        timer = setTimeout(look, WAIT_MS);
    }

    form.addEventListener("input", (event) => {
        const name = event.target.name;
        const own = name.startsWith("tiers-") ? "tiers" : name;
        if (event.target.value === "") {
            touched.delete(own);
        } else {
            touched.add(own);
        }
        lookSoon();
    });

    // On a phone what is suggested stays folded, unless something in it is wrong.
    if (matchMedia("(width < 64rem)").matches) {
        form.querySelectorAll("details").forEach((one) => {
            one.open = one.querySelector(".errors, .errornote, .errorlist") !== null;
        });
    }

    check?.removeAttribute("disabled");
    check?.addEventListener("click", async () => {
        check.disabled = true;
        asked.textContent = "Asking…";
        try {
            const answer = await post(form.dataset.checkUrl);
            asked.innerHTML = answer.html;
            if (answer.price && !touched.has("reference_price")) {
                form.elements.reference_price.value = answer.price;
                lookSoon();
            }
        } catch {
            asked.textContent = "The sources could not be asked. Try again.";
        }
        check.disabled = false;
    });

    if (form.elements.reference_price.value) {
        lookSoon();
    }
})();
