"""A decision as a tree that can be read from the top down, and a comparison of many as a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from contracts.retailers import Condition, Portal, Retailer
from contracts.returns import ConditionTrace, ReturnUnit, RuleTrace, UnitDecision, UnitState
from streams.cli.amounts import money
from streams.domain.options import choice_of
from streams.trial.deciding import Trial, TriedUnit
from streams.trial.history import Change, Comparison

# Beyond these a reader wants the sums, and the rest by a smaller --history.
_CHANGES_SHOWN = 50

_YES, _NO = "[green]✓[/]", "[red]✗[/]"

_NO_MATCH = {
    UnitState.ITEM_NOT_IN_ORDER: "the order has no line with this sku",
    UnitState.ALREADY_REFUNDED: "the shop has refunded it already",
    UnitState.ALREADY_CLAIMED: "another return has it already",
    UnitState.MORE_THAN_ORDERED: "more of it than was bought",
}


def tree(trial: Trial, retailer: Retailer, rules_from: str) -> Tree:
    """One return: each unit, what it would get, and everything that was looked at for it."""
    decision = trial.decision
    loop = retailer.portal is Portal.LOOP
    pays = "Loop issues the outcome" if loop else f"paid at {retailer.return_action}"
    top = Tree(f"[bold]{escape(f'return {decision.rma} of order {decision.order_key}')}[/]")
    top.add(escape(f"by {rules_from}; {pays}"))
    for unit in trial.units:
        _add_unit(top, unit, retailer)
    return top


def _add_unit(top: Tree, unit: TriedUnit, retailer: Retailer) -> None:
    decision, row = unit.decision, unit.row
    branch = top.add(f"{escape(f'{decision.sku}, number {decision.ordinal}')}: [bold]{escape(_gets(row))}[/]")
    if decision.decided_by == "order":
        branch.add(f"the order decides: {escape(decision.state.value)}")
        return
    branch.add(escape(_said(decision, retailer)))
    for rule in decision.rules:
        _add_rule(branch, rule)
    if decision.decided_by == "nobody":
        branch.add("no rule holds: nothing is done by itself" if decision.rules else "there are no rules")
    if row.line_id is not None:
        branch.add(escape(f"takes number {row.line_index} of order line {row.line_id}"))
    elif row.state in _NO_MATCH:
        branch.add(f"but it cannot be matched: {_NO_MATCH[row.state]}")


def _gets(row: ReturnUnit) -> str:
    if row.option is None or row.amount is None or row.tax is None:
        return f"{row.state.value}{', needs a person' if row.needs_person else ''}"
    worth = f"{money(row.amount, row.currency)}, tax {money(row.tax, row.currency)}"
    return f"{row.option.value} {worth} (by {row.decided_by})"


def _said(decision: UnitDecision, retailer: Retailer) -> str:
    choice, on = choice_of(decision.return_action), retailer.customer_choice.enabled
    if choice.blank:
        return f"customer choice is {'on' if on else 'off'}; the customer said nothing"
    said = f"the customer said {decision.return_action!r}"
    if not on:
        return f"customer choice is off, so it does not count that {said}"
    why = {"choice_unknown": ", a word that means no option", "choice_not_offered": ", which is not offered"}
    return f"customer choice is on; {said}{why.get(decision.state.value, ', which comes before every rule')}"


def _add_rule(branch: Tree, rule: RuleTrace) -> None:
    under = branch.add(f"{_YES if rule.matched else _NO} {escape(f'rule {rule.name!r}: {rule.then}')}")
    if not rule.conditions:
        under.add(f"{_YES} always")
    for condition in rule.conditions:
        under.add(f"{_YES if condition.held else _NO} {escape(condition_text(condition))}")


def condition_text(condition: ConditionTrace) -> str:
    """`order_value between 10, 50 (GBP); seen: 42 GBP`."""
    seen = condition.seen
    shown = "nothing" if seen is None or seen == () else seen if isinstance(seen, str) else ", ".join(seen)
    return f"{wanted(condition)}; seen: {shown}"


def wanted(condition: Condition | ConditionTrace) -> str:
    """`order_value between 10, 50 (GBP)`."""
    operands = "" if condition.operator == "is_empty" else f" {', '.join(condition.operands)}"
    currency = f" ({condition.currency})" if condition.currency else ""
    return f"{condition.dimension} {condition.operator}{operands}{currency}"


def comparison(found: Comparison, rules_from: str) -> Iterator[RenderableType]:
    """What would differ: sums by outcome, then each unit."""
    if not found.returns:
        yield "no returns of this retailer are kept (decisions are kept for 120 days)"
        return
    gone = f"; {len(found.gone)} could not be, for their orders are not kept any more" if found.gone else ""
    decided = f"{_count(found.returns - len(found.gone), 'return')} decided anew ({_count(found.units, 'unit')})"
    yield escape(f"{decided} by {rules_from}{gone}")
    for name in found.gone:
        yield escape(f"  not decided anew: {name}")
    if not found.changes:
        yield "nothing would differ"
        return
    yield _sums(found)
    yield ""
    changes = Table(box=None)
    for name in ("order", "return", "unit", "was", "would be", "worth"):
        changes.add_column(name, overflow="fold")
    for change in found.changes[:_CHANGES_SHOWN]:
        changes.add_row(*map(escape, _row(change)))
    yield changes
    hidden = len(found.changes) - _CHANGES_SHOWN
    yield f"{_count(len(found.changes), 'unit')} would differ" + (f"; {hidden} are not shown" if hidden > 0 else "")


def _sums(found: Comparison) -> Table:
    sums = Table("outcome", box=None)
    for name in ("units before", "after", "worth before", "after"):
        sums.add_column(name, justify="right")
    for place in sorted({*found.before, *found.after}):
        outcome, currency = place
        worth = ("-", "-")
        if currency:
            worth = money(found.before_amount[place], currency), money(found.after_amount[place], currency)
        sums.add_row(outcome, str(found.before[place]), str(found.after[place]), *worth)
    return sums


def _row(change: Change) -> tuple[str, ...]:
    unit = f"{change.unit.sku}, number {change.unit.ordinal}"
    was, would = (f"{outcome} ({by})" for outcome, by in (change.before, change.after))
    worth = money(change.amount, change.currency) if change.amount is not None else "-"
    return change.order_key, change.rma, unit, was, would, worth


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
