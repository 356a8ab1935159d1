// Access tokens: HS256 with the key that core/keys.py derives from the server's secret.
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

const SALT = "shanzhi keyring 1";
const AUDIENCE = "shanzhi-api";

/** Return the 32-byte key of access tokens. */
export function tokenKey(secret) {
  return Buffer.from(hkdfSync("sha256", secret, SALT, "access token", 32));
}

/** Return the claims of a bearer token; throws an error with status 401 when it is forged or too old. */
export function claimsOf(authorization, key) {
  const [head, body, signature] = authorization.replace(/^Bearer /, "").split(".");
  const given = Buffer.from(signature ?? "", "base64url");
  const expected = createHmac("sha256", key).update(`${head}.${body}`).digest();
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw unauthorized("this token is not valid");
  }
  const claims = decoded(body);
  if (decoded(head).alg !== "HS256" || claims.aud !== AUDIENCE || !(claims.exp > Date.now() / 1000)) {
    throw unauthorized("this token has expired or is for something else");
  }
  return claims;
}

/** Return an error that is answered with status 401. */
export function unauthorized(message) {
  return Object.assign(new Error(message), { statusCode: 401 });
}

function decoded(part) {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}
