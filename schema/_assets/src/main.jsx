// The page at /graphql: GraphiQL below a bar with the address, the language of messages and, on a demo server, a sign-in.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import React, { useState } from 'react';
import { createRoot } from 'react-dom/client';
import './page.css';

const ENDPOINT = window.location.pathname;
const LANGUAGES = { 'zh-CN': '中文', en: 'English' };

const LOGIN = `mutation Login($input: LoginInput!) {
  login(input: $input) {
    __typename
    ... on Session { accessToken }
    ... on UserError { code message }
  }
}`;

const WELCOME = `# 欢迎使用善治 GraphQL 接口
#
# Ctrl-Enter 执行（Mac：Cmd-Enter）
# Ctrl-空格   提示此处可写的字段
# 左上角图标  全部类型的说明
# Headers 栏  自己的令牌，写法如下
#
# Welcome to Shanzhi's GraphQL API
#
# Ctrl-Enter  run (Mac: Cmd-Enter)
# Ctrl-Space  fields possible here
# Top left    documentation of all types
# Headers     your own token, like this:
#
# {"Authorization": "Bearer …"}

query WhatCanIAsk {
  __schema {
    queryType {
      fields {
        name
        description
      }
    }
  }
}
`;

// The server may fill this block of the page: { demo: [{ role, username, password }], login, query }.
const page = JSON.parse(document.getElementById('shanzhi-page')?.textContent || '{}');

// Headers of every request. One object outside React: a new fetcher would make GraphiQL load the schema anew.
const session = { 'accept-language': localStorage.getItem('shanzhi:language') || 'zh-CN' };

const send = createGraphiQLFetcher({
  url: ENDPOINT,
  subscriptionUrl: window.location.origin.replace(/^http/, 'ws') + ENDPOINT,
});

function fetcher(params, options) {
  return send(params, { ...options, headers: { ...session, ...lowerCased(options?.headers) } });
}

// Header names meet in one case, else a pasted "Authorization" would be joined to the session's, not replace it.
function lowerCased(headers) {
  return Object.fromEntries(Object.entries(headers || {}).map(([name, value]) => [name.toLowerCase(), value]));
}

async function signIn({ username, password }) {
  const body = JSON.stringify({ query: page.login || LOGIN, variables: { input: { username, password } } });
  const headers = { 'content-type': 'application/json', 'accept-language': session['accept-language'] };
  const answer = await (await fetch(ENDPOINT, { method: 'POST', headers, body })).json();
  const token = search(answer.data, ['accessToken', 'token']);
  if (!token) throw new Error(search(answer, ['message']) || 'no token in the answer');
  session.authorization = `Bearer ${token}`;
}

// The first text under one of these names, at any depth: the page need not know how the answer nests.
function search(value, names) {
  if (!value || typeof value !== 'object') return undefined;
  const own = names.map(name => value[name]).find(found => typeof found === 'string');
  return own ?? Object.values(value).map(inner => search(inner, names)).find(Boolean);
}

function Language() {
  const [chosen, choose] = useState(session['accept-language']);
  function change({ target }) {
    session['accept-language'] = target.value;
    localStorage.setItem('shanzhi:language', target.value);
    choose(target.value);
  }
  return (
    <select aria-label="消息语言 Language of messages" value={chosen} onChange={change}>
      {Object.entries(LANGUAGES).map(([code, name]) => <option key={code} value={code}>{name}</option>)}
    </select>
  );
}

function SignIn({ people }) {
  const [index, pick] = useState(0);
  const [state, tell] = useState({ text: '未登录 Not signed in' });
  async function enter() {
    const person = people[index];
    tell({ text: '……' });
    try {
      await signIn(person);
      tell({ text: `已登录 Signed in: ${person.role}`, signedIn: true });
    } catch (error) {
      delete session.authorization;
      tell({ text: `登录失败 Sign-in failed: ${error.message}`, failed: true });
    }
  }
  function leave() {
    delete session.authorization;
    tell({ text: '未登录 Not signed in' });
  }
  return (
    <form onSubmit={event => { event.preventDefault(); enter(); }}>
      <select aria-label="演示身份 Demo person" value={index} onChange={event => pick(Number(event.target.value))}>
        {people.map(({ role, username }, at) => <option key={username} value={at}>{`${role} · ${username}`}</option>)}
      </select>
      <button type="submit">登录 Sign in</button>
      {state.signedIn && <button type="button" onClick={leave}>退出 Sign out</button>}
      <output className={state.failed ? 'failed' : state.signedIn ? 'signed-in' : ''}>{state.text}</output>
    </form>
  );
}

function Bar() {
  return (
    <header>
      <strong>善治 Shanzhi</strong>
      <code>{ENDPOINT}</code>
      {page.demo?.length > 0 && <SignIn people={page.demo} />}
      <Language />
    </header>
  );
}

createRoot(document.getElementById('graphiql')).render(
  <>
    <Bar />
    <GraphiQL
      fetcher={fetcher}
      defaultQuery={page.query || WELCOME}
      defaultEditorToolsVisibility="variables"
      isHeadersEditorEnabled
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo><span /></GraphiQL.Logo>
    </GraphiQL>
  </>,
);
