// A frontend's first steps with types generated from the contract: who is there, what to offer them, an email.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const { TASTEGRAPH_URL: baseUrl, TASTEGRAPH_KEY: key } = process.env;
if (!baseUrl || !key) throw new Error("TASTEGRAPH_URL and TASTEGRAPH_KEY are needed");

const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

const users = await api.GET("/v1/users", { params: { query: { page_size: 1 } } });
if (users.error) throw new Error(users.error.detail);
const user_id = users.data.items[0];
if (user_id === undefined) throw new Error("the shop has no users yet");

const offers = await api.GET("/v1/users/{user_id}/recommendations", { params: { path: { user_id }, query: { limit: 3 } } });
if (offers.error) throw new Error(offers.error.detail);

const made = await api.POST("/v1/emails", { body: { user_id, preview: true } });
if (made.error) throw new Error(made.error.detail);

const missing = await api.GET("/v1/emails/{id}", { params: { path: { id: "none" } } });
const problem = missing.error ? missing.error.type : "";

// What the contract does not know does not compile.
// @ts-expect-error
export const refused = () => api.POST("/v1/emails", { body: { user: user_id } });

console.log(JSON.stringify({ user_id, offered: offers.data.top.length, status: made.response.status, problem }));
