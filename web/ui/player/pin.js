/**
 * The camera's public key as this browser remembers it, under the name in its address bar; and how people compare it.
 *
 * It comes by a link of the camera's own page at home, behind the #, which no browser sends to any server.
 */

const NAME = "pi-cam.pin";
const KEY = /^[A-Za-z0-9_-]{43}$/; // 32 bytes in base64url
const LETTERS = "abcdefghijklmnopqrstuvwxyz234567"; // base32 (RFC 4648, section 6)
const CODE_LETTERS = 20;
const GROUP = 4;

/** @returns {string | null} */
export function readPin() {
  try {
    return checkedKey(localStorage.getItem(NAME));
  } catch {
    return null; // a browser that keeps nothing for this site
  }
}

/**
 * @param {string | null} key null: forget it
 * @returns {boolean} whether this browser did
 */
export function keepPin(key) {
  try {
    if (key === null) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, key);
    return readPin() === key;
  } catch {
    return false;
  }
}

/**
 * @param {unknown} key
 * @returns {string | null} the same, if it can be one
 */
export function checkedKey(key) {
  return typeof key === "string" && KEY.test(key) ? key : null;
}

/**
 * @param {string} text base64url
 * @returns {Uint8Array<ArrayBuffer>} throws for anything else
 */
export function bytesOf(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

/**
 * @param {string} key
 * @returns {Promise<string>} the id of the device that has this key, as it shows it itself: `abcd-efgh-…`
 */
export async function codeOf(key) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(key)));
  let [bits, count, code] = [0, 0, ""];
  for (const byte of digest) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 5; count -= 5) code += LETTERS[(bits >> (count - 5)) & 31];
    bits &= (1 << count) - 1;
  }
  return code.slice(0, CODE_LETTERS).replace(new RegExp(`.{${GROUP}}(?!$)`, "g"), "$&-");
}

/** @returns {Promise<boolean>} whether this browser can check a signature (Ed25519 in WebCrypto) */
export async function canCheck() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), "Ed25519", false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}
