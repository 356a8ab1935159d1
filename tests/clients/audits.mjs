// Runs the published audits of GraphQL over HTTP against a server: node audits.mjs http://…/graphql
// Prints one JSON object: how many audits there are, and which of them failed.
import { serverAudits } from "graphql-http";

const audits = serverAudits({ url: process.argv[2], fetchFn: fetch });
const failed = [];
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== "ok") failed.push({ id: audit.id, name: audit.name, status: result.status, reason: result.reason });
}
console.log(JSON.stringify({ audits: audits.length, failed }));
