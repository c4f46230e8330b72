// An identity provider as people run it: `oidc-provider`, with the keys, clients and lifetimes that a test gives it.
import { Provider } from "oidc-provider";

const { port, jwks, clients, audience, algorithm, seconds } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  jwks,
  clients,
  claims: { openid: ["sub"], profile: ["preferred_username"] },
  conformIdTokenClaims: false, // what is asked for stands in the ID token
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: `${id} by name` }) }),
  ttl: { ClientCredentials: seconds, IdToken: seconds, AccessToken: seconds },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: "api", audience, accessTokenFormat: "jwt", jwt: { sign: { alg: algorithm } } }),
    },
  },
});

provider.listen(port, "127.0.0.1", () => console.log("listening"));
process.stdin.on("end", () => process.exit()).resume(); // the test is over
