"use strict";
// A button with data-passkey="get" or "create" asks data-options what a passkey is to sign, and posts
// what it answered with the form it is in, in the field named data-field.

const toBytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
};

const toText = (buffer) => {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};

const withBytes = (options) => {
    const named = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));
    const said = { ...options, challenge: toBytes(options.challenge) };
    if (options.user) said.user = { ...options.user, id: toBytes(options.user.id) };
    if (options.excludeCredentials) said.excludeCredentials = named(options.excludeCredentials);
    if (options.allowCredentials) said.allowCredentials = named(options.allowCredentials);
    return said;
};

const asJson = (credential) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
        if (credential.response[name]) response[name] = toText(credential.response[name]);
    }
    const { id, type } = credential;
    return { id, rawId: toText(credential.rawId), type, response, clientExtensionResults: {} };
};

const optionsFrom = async (url, form) => {
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    const answer = await fetch(url, { method: "POST", headers: { "X-CSRFToken": token } });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.message);
    return withBytes(said);
};

const ask = async (button) => {
    const form = button.closest("form");
    const publicKey = await optionsFrom(button.dataset.options, form);
    const credential = await navigator.credentials[button.dataset.passkey]({ publicKey });
    form.querySelector(`[name="${button.dataset.field}"]`).value = JSON.stringify(asJson(credential));
    form.submit();
};

for (const button of document.querySelectorAll("[data-passkey]")) {
    const problem = button.closest("form").querySelector("[data-passkey-problem]");
    button.hidden = !window.PublicKeyCredential;
    button.addEventListener("click", () => {
        problem.hidden = true;
        ask(button).catch((error) => {
            const left = error.name === "NotAllowedError";
            problem.textContent = left ? "No passkey was used. Try again." : error.message;
            problem.hidden = false;
        });
    });
}
