/**
 * Seals what only the camera is to read. On a page that came by plain HTTP `crypto.subtle` does not exist: TweetNaCl does it
 * (nacl.box: X25519, XSalsa20, Poly1305), with a key that is forgotten at once.
 *
 * @typedef {{randomBytes(count: number): Uint8Array, box: Box}} TweetNaCl
 * @typedef {((message: Uint8Array, nonce: Uint8Array, theirs: Uint8Array, own: Uint8Array) => Uint8Array)
 *   & {nonceLength: number, keyPair(): {publicKey: Uint8Array, secretKey: Uint8Array}}} Box
 */

const SEALED_BYTES = 512; // filled up with spaces: the length of a password is nobody's business

/** @param {string} key base64 @param {object} credentials @returns {string} base64 of: own public key, nonce, box */
export function seal(key, credentials) {
  const nacl = /** @type {{nacl: TweetNaCl}} */ (/** @type {unknown} */ (globalThis)).nacl;
  const theirs = Uint8Array.from(atob(key), (letter) => letter.charCodeAt(0));
  const own = nacl.box.keyPair();
  const nonce = nacl.randomBytes(nacl.box.nonceLength);
  const plain = new TextEncoder().encode(JSON.stringify(credentials));
  const padded = new Uint8Array(Math.max(SEALED_BYTES, plain.length)).fill(0x20);
  padded.set(plain);
  const box = nacl.box(padded, nonce, theirs, own.secretKey);
  own.secretKey.fill(0);
  return btoa([...own.publicKey, ...nonce, ...box].map((byte) => String.fromCharCode(byte)).join(""));
}
