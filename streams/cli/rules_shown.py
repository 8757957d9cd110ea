"""A decision as a tree that can be read from the top down, and a comparison of many as a table."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from contracts.retailers import Portal, Retailer
from contracts.returns import ConditionTrace, ReturnUnit, RuleTrace, UnitDecision
from streams.cli.console import out, print_table
from streams.domain.options import choice_of
from streams.trial.deciding import Trial, TriedUnit
from streams.trial.history import Change, Comparison, outcome

# Beyond these a reader wants the sums, and the rest by a smaller --history.
_CHANGES_SHOWN = 50

_YES, _NO = "[green]✓[/]", "[red]✗[/]"


def tree(trial: Trial, retailer: Retailer) -> None:
    """Print one return: each unit, what it would get, and everything that was looked at for it."""
    decision = trial.decision
    pays = "Loop issues the outcome" if retailer.portal is Portal.LOOP else f"paid at: {retailer.return_action}"
    head = f"return {decision.rma} of order {decision.order_key} (settings version {retailer.version}; {pays})"
    top = Tree(f"[bold]{escape(head)}[/]")
    for unit in trial.units:
        _add_unit(top, unit, retailer)
    out.print(top)


def _add_unit(top: Tree, unit: TriedUnit, retailer: Retailer) -> None:
    decision, row = unit.decision, unit.row
    branch = top.add(escape(f"{decision.sku}, number {decision.ordinal}: ") + f"[bold]{escape(_gets(row))}[/]")
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


def _gets(row: ReturnUnit) -> str:
    if row.option is None:
        return f"{row.state.value}{', needs a person' if row.needs_person else ''}"
    worth = f" {row.amount} {row.currency}, tax {row.tax}" if row.amount is not None else ""
    return f"{row.option.value}{worth} (by {row.decided_by})"


def _said(decision: UnitDecision, retailer: Retailer) -> str:
    choice = choice_of(decision.return_action)
    word = f"the customer said {decision.return_action!r}" if not choice.blank else "the customer said nothing"
    if not retailer.customer_choice.enabled:
        return f"customer choice is off; {word}" if not choice.blank else "customer choice is off"
    return f"customer choice is on; {word}"


def _add_rule(branch: Tree, rule: RuleTrace) -> None:
    under = branch.add(f"{_YES if rule.matched else _NO} rule {escape(repr(rule.name))}: {escape(rule.then)}")
    if not rule.conditions:
        under.add(f"{_YES} always")
    for condition in rule.conditions:
        under.add(f"{_YES if condition.held else _NO} {escape(_condition(condition))}")


def _condition(condition: ConditionTrace) -> str:
    wanted = "" if condition.operator == "is_empty" else f" {', '.join(condition.operands)}"
    currency = f" ({condition.currency})" if condition.currency else ""
    seen = condition.seen
    shown = "nothing" if seen is None or seen == () else seen if isinstance(seen, str) else ", ".join(seen)
    return f"{condition.dimension} {condition.operator}{wanted}{currency}; seen: {shown}"


def comparison(found: Comparison, retailer: Retailer) -> None:
    """Print what would differ: sums by outcome, then each unit."""
    out.print(f"{found.returns} returns, {found.units} units decided anew under version {retailer.version}'s rules")
    if found.gone:
        out.print(f"{len(found.gone)} could not be: their orders are not kept any more ({_some(found.gone)})")
    sums = Table("outcome", "currency", "units before", "units after", "amount before", "amount after", box=None)
    for place in sorted({*found.before, *found.after}):
        counts = str(found.before[place]), str(found.after[place])
        sums.add_row(*place, *counts, str(found.before_amount[place]), str(found.after_amount[place]))
    if sums.row_count:
        print_table(sums)
    if not found.changes:
        out.print("nothing would differ")
        return
    changes = Table("order", "return", "unit", "was", "would be", "amount", box=None)
    for change in found.changes[:_CHANGES_SHOWN]:
        changes.add_row(*map(escape, _row(change)))
    print_table(changes)
    hidden = len(found.changes) - _CHANGES_SHOWN
    out.print(f"{len(found.changes)} units would differ" + (f"; {hidden} are not shown" if hidden > 0 else ""))


def _row(change: Change) -> tuple[str, ...]:
    unit = f"{change.before.sku}, number {change.before.ordinal}"
    was, would = (f"{outcome(u)} ({u.decided_by})" for u in (change.before, change.after))
    worth = f"{change.amount} {change.currency}" if change.amount is not None else "-"
    return change.order_key, change.rma, unit, was, would, worth


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
