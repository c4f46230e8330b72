/** Account and password for a token, by the `login` mutation that every other client uses. */
const LOGIN = /* GraphQL */ `
  mutation Login($account: String!, $password: String!) {
    login(account: $account, password: $password) {
      accessToken
      errors {
        message
      }
    }
  }
`;

interface Answer {
  data?: { login?: { accessToken: string | null; errors: { message: string }[] } | null } | null;
  errors?: { message: string }[];
}

/** One of the two: the token, or the problem in words. */
export async function login(account: string, password: string): Promise<{ token?: string; problem?: string }> {
  try {
    const response = await fetch(location.pathname, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ query: LOGIN, variables: { account, password } }),
    });
    const { data, errors } = (await response.json()) as Answer;
    const token = data?.login?.accessToken;
    if (token) return { token };
    return { problem: (data?.login?.errors ?? errors ?? [])[0]?.message ?? "Log-in failed." };
  } catch {
    return { problem: "The server did not answer." };
  }
}
