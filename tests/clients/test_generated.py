"""Clients generated from /schema, as it is, by the generators people use; and used."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import redis

from ledger.services import deposit
from markets.models import Market
from tests.clients.conftest import run, with_path_to
from tests.trading.test_intake_served import Served
from trading.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_generated_python_client_trades(
    market: Market,
    redis_db: redis.Redis,
    served: Served,
    python_client: Any,
) -> None:
    def api(tag: str, name: str) -> Any:
        return importlib.import_module(f"generated_client.api.{tag}.{name}")

    models = importlib.import_module("generated_client.models")
    anyone = python_client.Client(base_url=f"http://127.0.0.1:{served.port}")
    credentials = models.Credentials(username="ada", password="correct horse battery")
    session = api("auth", "auth_signup_create").sync(client=anyone, body=credentials)
    assert isinstance(session, models.SessionAnswer)
    deposit(session.user_id, 10_000_000_000, approved=True)
    ada = python_client.AuthenticatedClient(base_url=anyone._base_url, token=session.token)

    new = models.NewOrder(
        market_id="BTC-PERP",
        side=models.Side.LONG,
        order_type=models.OrderType.LIMIT,
        qty="0.5",
        price="25000",
        margin="2500",
        client_order_id="a/b?c=ü",
    )
    placed = api("order", "order_create").sync(client=ada, body=new)
    assert isinstance(placed, models.OrderPlaced)
    order = api("order", "order_by_client_id_retrieve").sync(
        client=ada, client_order_id=new.client_order_id
    )
    assert (order.id, order.price, order.trigger) == (placed.order_id, "25000", None)
    page = api("user", "user_orders_retrieve").sync(client=ada, market_id="BTC-PERP", limit=5)
    assert [own.id for own in page.orders] == [placed.order_id]
    new.client_order_id, new.price = "next", "25000.05"
    refused = api("order", "order_create").sync(client=ada, body=new)
    assert (type(refused), refused.code) == (models.Error, "INVALID_PRICE")

    redis_db.set(
        "market:depth:{BTC-PERP}",
        json.dumps({"seq": 7, "time_ms": 1, "bids": [[250_000, 500]], "asks": []}),
    )
    depth = api("markets", "markets_depth_retrieve").sync(market_id="BTC-PERP", client=anyone)
    assert (depth.bids, depth.asks) == ([["25000", "0.5"]], [])
    health = api("health", "health_retrieve").sync_detailed(client=anyone)
    assert health.status_code in {200, 503}
    cancelling = api("order", "order_by_client_id_destroy").sync(
        client=ada, client_order_id="a/b?c=ü"
    )
    assert cancelling.order_id == Order.objects.get().pk


USE = """
import type { components, paths } from "./api";

const order: components["schemas"]["NewOrder"] = {
  marketId: "BTC-PERP", side: "LONG", orderType: "limit", qty: "0.5", price: 25000, leverage: 5,
};
const batch: components["schemas"]["NewOrders"] = { orders: [order] };
type Depth = paths["/markets/{market_id}/depth"]["get"]["responses"][200];
const bid = (depth: Depth["content"]["application/json"]): string[] => depth.bids[0];
// @ts-expect-error  what the API refuses is no order
const wrong: components["schemas"]["NewOrder"] = { ...order, side: "BUY" };
// @ts-expect-error  neither is what it does not know
const query: paths["/orders"]["delete"]["parameters"]["query"] = { market: "ETH-PERP" };
export { batch, bid, wrong, query };
"""


def test_generated_typescript_types_compile_and_hold(
    schema_file: Path, node: Path, node_modules: Path, tmp_path: Path
) -> None:
    program = str(node / "node")
    said = run(
        [
            *(program, str(node_modules / "openapi-typescript" / "bin" / "cli.js")),
            *(str(schema_file), "-o", str(tmp_path / "api.d.ts")),
        ],
        env=with_path_to(node),
    )
    assert "warn" not in said.lower(), said
    (tmp_path / "use.ts").write_text(USE)
    compiler = str(node_modules / "typescript" / "bin" / "tsc")
    run([program, compiler, "--strict", "--noEmit", str(tmp_path / "use.ts")])


def test_of_the_schema_nothing_is_left_out(schema_file: Path, python_client: Any) -> None:
    """A generator that skips what it can't read only warns."""
    schema = json.loads(schema_file.read_text())
    operations = [call for methods in schema["paths"].values() for call in methods.values()]
    folder = Path(python_client.__file__).parent
    made = {path.stem for path in folder.glob("api/*/*.py")} - {"__init__"}
    assert len(made) == len(operations)
    models = importlib.import_module("generated_client.models")
    assert set(schema["components"]["schemas"]) <= set(models.__all__)
