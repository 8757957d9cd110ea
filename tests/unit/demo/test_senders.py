"""The senders of the demo sign and write as the real ones do: known vectors, and what our own ingress makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import orjson
import pytest

from contracts.orders import ShopifyOrder
from demo.credentials import Credentials
from demo.hook import HookSimulator
from demo.senders import Post, easypost_signature, flipped, without
from demo.shopify.webhooks import Line, Sale, signature
from demo.story import RETAILERS, Story, retailers_text, tell
from demo.traffic import backwards

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def story() -> Story:
    credentials = Credentials.fresh(RETAILERS)
    return tell(credentials, retailers_text(HookSimulator(credentials.hooks)), NOW)


def test_shopify_signs_the_raw_body_with_the_apps_secret() -> None:
    # printf '{"id":1}' | openssl dgst -sha256 -hmac hush -binary | base64
    assert signature(b'{"id":1}', "hush") == "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY="


def test_easypost_signs_with_the_normalised_secret() -> None:
    # Both spellings of the accent are one secret; the vector is openssl's, with the secret in NFKD.
    expected = "hmac-sha256-hex=7e7a272f85c440a1ca72203bf1bdd39d823f85c727c040cfb99d1dd42b6706c4"
    assert easypost_signature(b'{"id":1}', "s\u00e9cret") == expected
    assert easypost_signature(b'{"id":1}', "se\u0301cret") == expected


def test_an_order_is_one_that_we_can_read_with_exact_sums_and_ids() -> None:
    line = Line("COAT", 2, "120.00", ("20.00", "4.01"), ("34.49",))
    sale = Sale("x.myshopify.com", 9_007_199_254_740_993, "#1", (line,), created_at=NOW, codes=("SALE",))
    order = ShopifyOrder.model_validate_json(orjson.dumps(sale.body(updated_after=timedelta(hours=1))))

    assert (order.id, order.line_items[0].id) == ("9007199254740993", "9007199254740994")
    assert (str(order.total_price), str(order.total_discounts)) == ("215.99", "24.01")
    assert order.updated_at - order.created_at == timedelta(hours=1)


def test_every_step_says_what_it_is_and_a_title_is_no_other_scenes(story: Story) -> None:
    assert len({scene.title for scene in story.scenes}) == len(story.scenes)
    assert all(step.what for step in story.steps)


def test_each_return_is_its_own_and_has_its_own_parcel_but_for_the_shared_one(story: Story) -> None:
    returns = story.expected.returns
    assert len({known.rma for known in returns}) == len(returns)
    assert len(returns) - len({known.parcel for known in returns}) == 1


def test_backwards_is_everything_once_with_sequences_kept(story: Story) -> None:
    turned = [step for _, step in backwards(story.scenes)]

    assert sorted(map(id, turned)) == sorted(map(id, story.steps))
    for name in {step.sequence for step in story.steps if step.sequence}:
        assert [s for s in turned if s.sequence == name] == [s for s in story.steps if s.sequence == name]


def test_a_flipped_bit_and_a_missing_field_change_nothing_else(story: Story) -> None:
    posts = [step.send for step in story.steps if isinstance(step.send, Post)]
    post = Random(1).choice([post for post in posts if post.path == "/omnirps/returns"])
    turned = flipped(post, at=5)

    assert turned.headers == post.headers
    assert [at for at, pair in enumerate(zip(turned.raw, post.raw, strict=True)) if pair[0] != pair[1]] == [5]
    assert "RMA" not in orjson.loads(without(post, ("RMA",)).raw)[0]
