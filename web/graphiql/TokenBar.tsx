/** The line above the editor: who is asking, by pasted token or by account and password. */
import { useState, type FormEvent } from "react";

import { login } from "./login";
import { holder, setToken, useToken } from "./token";

export function TokenBar() {
  const token = useToken();
  const [problem, setProblem] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const answer = await login(String(given.get("account")), String(given.get("password")));
    setProblem(answer.problem ?? "");
    if (answer.token === undefined) return;
    setToken(answer.token);
    form.reset();
  }

  return (
    <header className="bar">
      <strong>lxbc-graph</strong>
      <label className="token">
        Token / 令牌
        <input
          value={token}
          onChange={(event) => setToken(event.target.value)}
          placeholder="paste what `lxbc-graph token ACCOUNT` prints"
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      <span className="holder">{holder(token)}</span>
      <form onSubmit={submit}>
        <label>
          Account / 账号
          <input name="account" required autoComplete="username" spellCheck={false} />
        </label>
        <label>
          Password / 密码
          <input name="password" type="password" required autoComplete="current-password" />
        </label>
        <button>Log in / 登录</button>
      </form>
      <output role="alert">{problem}</output>
    </header>
  );
}
