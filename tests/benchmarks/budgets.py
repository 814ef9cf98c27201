"""What is demanded, and whether it was reached: design/performance.md's table."""

from dataclasses import dataclass, field

from benchmarks.load import Measured, Spread


@dataclass(frozen=True)
class Budget:
    """One line of the table."""

    path: str
    demanded: str
    reached: str
    met: bool


@dataclass
class Results:
    """What a run has found: budgets, and requests a second by path and variant."""

    budgets: list[Budget] = field(default_factory=list)
    rates: dict[str, Measured] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def at_least(self, path: str, least: float, of: str, reached: Spread) -> None:
        """A proportion; its median counts."""
        shown = f"{reached.median:.2f} ({reached.least:.2f} to {reached.most:.2f})"
        self.add(path, f"≥ {least:.2f} {of}", shown, met=reached.median >= least)

    def add(self, path: str, demanded: str, reached: str, *, met: bool) -> None:
        budget = Budget(path, demanded, reached, met)
        self.budgets.append(budget)
        print(line(budget), flush=True)


def line(budget: Budget) -> str:
    verdict = "met" if budget.met else "missed"
    return f"{budget.path}: {budget.demanded}; {budget.reached}: {verdict}"
