/**
 * Passkeys between the server's JSON and the browser. (The browser's own conversions are younger than the browsers that we
 * promise to work in.)
 */

/** @returns {boolean} whether this browser has passkeys here: it does not without TLS, except on the machine itself */
export function havePasskeys() {
  return isSecureContext && typeof PublicKeyCredential === "function" && "credentials" in navigator;
}

/**
 * @param {any} options PublicKeyCredentialCreationOptionsJSON
 * @returns {Promise<object | null>} RegistrationResponseJSON, or null when the person changed their mind
 */
export async function createPasskey(options) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map(described),
  };
  const made = await asked(() => navigator.credentials.create({ publicKey }));
  if (!made) return null;
  const response = /** @type {AuthenticatorAttestationResponse} */ (made.response);
  return {
    ...common(made),
    response: {
      clientDataJSON: base64url(response.clientDataJSON),
      attestationObject: base64url(response.attestationObject),
    },
  };
}

/**
 * @param {any} options PublicKeyCredentialRequestOptionsJSON
 * @returns {Promise<object | null>} AuthenticationResponseJSON, or null when the person changed their mind
 */
export async function usePasskey(options) {
  const allowCredentials = (options.allowCredentials ?? []).map(described);
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials };
  const used = await asked(() => navigator.credentials.get({ publicKey }));
  if (!used) return null;
  const response = /** @type {AuthenticatorAssertionResponse} */ (used.response);
  return {
    ...common(used),
    response: {
      clientDataJSON: base64url(response.clientDataJSON),
      authenticatorData: base64url(response.authenticatorData),
      signature: base64url(response.signature),
      userHandle: response.userHandle && base64url(response.userHandle),
    },
  };
}

/**
 * @param {() => Promise<Credential | null>} ask
 * @returns {Promise<PublicKeyCredential | null>}
 */
async function asked(ask) {
  try {
    return /** @type {PublicKeyCredential | null} */ (await ask());
  } catch (error) {
    // The browser says the same for "cancelled", "took too long" and "none here", so that pages cannot tell.
    if (error instanceof DOMException && error.name === "NotAllowedError") return null;
    throw error;
  }
}

/** @param {PublicKeyCredential} credential */
function common(credential) {
  return { id: credential.id, rawId: base64url(credential.rawId), type: credential.type };
}

/** @param {{id: string, type: string}} credential */
function described(credential) {
  return { ...credential, id: bytes(credential.id) };
}

/**
 * @param {string} text in base64url
 * @returns {Uint8Array<ArrayBuffer>}
 */
function bytes(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

/**
 * @param {ArrayBuffer} buffer
 * @returns {string} base64url
 */
function base64url(buffer) {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
