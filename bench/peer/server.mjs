// The measured documents answered by mercurius on fastify: node server.mjs --port 8001
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import Fastify from "fastify";
import mercurius from "mercurius";
import { claimsOf, tokenKey } from "./keys.mjs";
import { poll, resolvers } from "./polls.mjs";
import { community, loaders } from "./reading.mjs";
import { open } from "./store.mjs";
import { ANYONE, viewerOf } from "./viewers.mjs";

const { values } = parseArgs({ options: { port: { type: "string" } } });
const store = open(process.env.SHANZHI_DATABASE_URL);
const key = tokenKey(process.env.SHANZHI_SECRET);

async function context({ headers: { authorization } }) {
  return { store, viewer: authorization ? await viewerOf(store, claimsOf(authorization, key)) : ANYONE };
}

const app = Fastify();
app.register(mercurius, {
  schema: readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
  resolvers: { Query: { community, poll }, ...resolvers },
  loaders,
  context,
  jit: 1,
});
app.get("/readyz", async () => {
  await store.rows("SELECT code FROM core_role LIMIT 1", []);
  return "ok";
});
await app.listen({ host: "127.0.0.1", port: Number(values.port) });
