// What a front end does with graphql-sse: node streams.mjs http://…/graphql TOKEN CURSOR
// Prints one JSON object with what came back.
import { createClient } from "graphql-sse";

const [url, token, after] = process.argv.slice(2);

async function all(client, request, most = 100) {
  const found = [];
  try {
    for await (const answer of client.iterate(request)) {
      found.push(answer.errors ? { codes: answer.errors.map((item) => item.extensions.code) } : answer);
      if (found.length === most) break;
    }
  } catch (error) {
    found.push({ thrown: error.response?.status ?? String(error) });
  }
  return found;
}

const open = (authorization) => createClient({ url, headers: authorization ? { authorization } : {}, retryAttempts: 0 });
const anonymous = open();
const signedIn = open(`Bearer ${token}`);
const wrong = open("Bearer nonsense");
console.log(JSON.stringify({
  query: await all(anonymous, { query: "{ meta { limits { maxDepth } } }" }),
  me: await all(signedIn, { query: "{ viewer { roles { role } } }" }),
  mutation: await all(signedIn, { query: 'mutation { logout(input: {refreshToken: "none"}) { __typename } }' }),
  refused: await all(anonymous, { query: "{ nothing }" }),
  wrongToken: await all(wrong, { query: "{ __typename }" }),
  changes: await all(signedIn, { query: "subscription ($after: String) { changes(after: $after) { type } }", variables: { after } }, 2),
}));
for (const client of [anonymous, signedIn, wrong]) client.dispose();
