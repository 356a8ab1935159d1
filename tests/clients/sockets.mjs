// What a front end does with graphql-ws: node sockets.mjs ws://…/graphql TOKEN CURSOR
// Prints one JSON object with what came back.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, token, after] = process.argv.slice(2);

async function all(client, request, most = 100) {
  const found = [];
  try {
    for await (const answer of client.iterate(request)) {
      found.push(answer);
      if (found.length === most) break;
    }
  } catch (error) {
    found.push({ thrown: Array.isArray(error) ? error.map((item) => item.extensions.code) : { code: error.code, reason: error.reason } });
  }
  return found;
}

function open(authorization) {
  const connectionParams = authorization ? { authorization } : undefined;
  return createClient({ url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, lazy: true, keepAlive: 1000 });
}

const anonymous = open();
const signedIn = open(`Bearer ${token}`);
const wrong = open("Bearer nonsense");
const told = {
  query: await all(anonymous, { query: "{ viewer { person { id } } meta { limits { maxDepth } } }" }),
  me: await all(signedIn, { query: "{ viewer { roles { role } } }" }),
  mutation: await all(signedIn, { query: 'mutation { logout(input: {refreshToken: "none"}) { __typename } }' }),
  refused: await all(anonymous, { query: "{ nothing }" }),
  together: (await Promise.all([1, 2, 3].map(() => all(anonymous, { query: "{ __typename }" })))).flat(),
  unknownPoll: await all(anonymous, { query: 'subscription { turnout(poll: "Poll_1") { isQuorate } }' }),
  wrongToken: await all(wrong, { query: "{ __typename }" }),
};
told.changes = await all(signedIn, { query: "subscription ($after: String) { changes(after: $after) { type } }", variables: { after: after } }, 2);
for (const client of [anonymous, signedIn, wrong]) await client.dispose();
console.log(JSON.stringify(told));
