"""Migrations since the last release run while it does; see `migration_rules`."""

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Random

from common.postgres.schema.partitioning import PartitionById
from common.postgres.schema.tables import CreateTables
from tests.contract.migration_rules import Model, findings, made_by
from tests.contract.release import NEWEST_MIGRATIONS

POSITIVE = models.CheckConstraint(condition=models.Q(lots__gt=0), name="positive")
INDEX = models.Index(fields=["lots"], name="by_lots")


def test_migrations_since_the_last_release_disturb_nobody():
    loader = MigrationLoader(None)
    released: set[tuple[str, str]] = set()
    for newest in NEWEST_MIGRATIONS.items():
        released |= set(loader.graph.forwards_plan(newest))
    ours = {key for key in loader.disk_migrations if key[0] in NEWEST_MIGRATIONS}
    leaves = sorted(key for key in loader.graph.leaf_nodes() if key in ours)
    made: set[Model] = set()
    found: list[str] = []
    plan = [key for leaf in leaves for key in loader.graph.forwards_plan(leaf)]
    for key in dict.fromkeys(plan):
        if key in released or key not in ours:
            continue
        migration = loader.disk_migrations[key]
        before = loader.project_state(_parents(loader, key))
        found += findings(migration, before, made)
        made |= {table for op in migration.operations for table in made_by(key[0], op)}
    assert found == []


def _parents(loader: MigrationLoader, key: tuple[str, str]) -> list[tuple[str, str]]:
    return [parent.key for parent in loader.graph.node_map[key].parents]


def test_the_release_is_of_every_app_with_tables():
    apps = {app for app, _ in MigrationLoader(None).disk_migrations}
    foreign = {"admin", "auth", "contenttypes", "sessions"}
    unknown = {app for app in apps - foreign - set(NEWEST_MIGRATIONS) if not app.startswith("otp_")}
    assert unknown == set()


def breaches(*operations: object, atomic: bool = True) -> list[str]:
    """Of a table that is there, with a column of each kind."""
    state = ProjectState()
    fields: list[tuple[str, models.Field]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("lots", models.BigIntegerField(db_default=0)),
        ("note", models.CharField(max_length=10, null=True)),
    ]
    state.add_model(ModelState("trading", "Thing", fields))
    planted = type("Planted", (Migration,), {"operations": operations, "atomic": atomic})
    return list(findings(planted("0099_planted", "trading"), state, set()))


def add(**options: object) -> migrations.AddField:
    return migrations.AddField("thing", "more", models.BigIntegerField(**options))  # type: ignore[arg-type]


def alter(name: str, field: models.Field) -> migrations.AlterField:
    return migrations.AlterField("thing", name, field)


PLANTED = [
    (migrations.RemoveField("thing", "note"), "takes away"),
    (migrations.RenameField("thing", "note", "words"), "takes away"),
    (migrations.DeleteModel("Thing"), "takes away"),
    (migrations.RenameModel("Thing", "Object"), "takes away"),
    (migrations.AlterModelTable("Thing", "things"), "takes away"),
    (add(default=0), "would lack it"),
    (add(db_default=Random()), "rewrites the table"),
    (add(null=True, db_index=True), "builds an index"),
    (add(null=True, unique=True), "builds an index"),
    (
        migrations.AddField(
            "thing",
            "other",
            models.ForeignKey("self", models.PROTECT, null=True, db_index=False),
        ),
        "scans the table",
    ),
    (alter("note", models.CharField(max_length=10, default="")), "may write NULL"),
    (alter("note", models.CharField(max_length=9, null=True)), "another type"),
    (alter("lots", models.IntegerField(db_default=0)), "another type"),
    (alter("lots", models.BigIntegerField()), "its db_default stays"),
    (alter("lots", models.BigIntegerField(db_default=0, db_index=True)), "builds an index"),
    (migrations.AddIndex("thing", INDEX), "builds an index"),
    (AddIndexConcurrently("thing", INDEX), "atomic = False"),
    (PartitionById("Thing", lambda: 10), "atomic = False"),
    (migrations.AddConstraint("thing", POSITIVE), "AddConstraintNotValid"),
    (
        migrations.AddConstraint("thing", models.UniqueConstraint(fields=["lots"], name="one")),
        "may refuse",
    ),
    (migrations.RunPython(migrations.RunPython.noop), "a transaction a batch"),
    (migrations.AlterUniqueTogether("thing", {("lots", "note")}), "judged by no rule"),
    (migrations.RunSQL("ALTER TABLE thing DROP COLUMN note"), "takes away"),
    (migrations.RunSQL("ALTER TABLE thing RENAME note TO words"), "takes away"),
    (migrations.RunSQL("ALTER TABLE thing ALTER COLUMN lots SET NOT NULL"), "may write NULL"),
    (migrations.RunSQL("ALTER TABLE thing ALTER COLUMN lots TYPE int"), "may rewrite"),
    (migrations.RunSQL("CREATE UNIQUE INDEX one ON thing (lots)"), "builds an index"),
    (migrations.RunSQL("ALTER TABLE thing ADD CONSTRAINT p CHECK (lots > 0)"), "scans the table"),
    (migrations.RunSQL(["UPDATE thing SET lots = 1"]), "changes rows"),
    (
        migrations.SeparateDatabaseAndState([migrations.RemoveField("thing", "note")]),
        "takes away",
    ),
]


@pytest.mark.parametrize(("operation", "why"), PLANTED)
def test_a_planted_breach_is_found(operation, why):
    assert any(why in found for found in breaches(operation)), why


@pytest.mark.parametrize(
    ("operation", "is_atomic"),
    [
        (add(null=True), True),
        (add(db_default=0, default=0), True),
        (alter("note", models.CharField(max_length=20, null=True)), True),
        (alter("note", models.TextField(null=True)), True),
        (alter("lots", models.BigIntegerField(db_default=0, verbose_name="number")), True),
        (AddIndexConcurrently("thing", INDEX), False),
        (PartitionById("Thing", lambda: 10), False),
        (migrations.RunPython(migrations.RunPython.noop), False),
        (AddConstraintNotValid("thing", POSITIVE), True),
        (migrations.RunSQL("CREATE INDEX CONCURRENTLY l ON thing (lots)"), False),
        (migrations.RunSQL("ALTER TABLE thing ADD CONSTRAINT p CHECK (lots > 0) NOT VALID"), True),
        (migrations.RunSQL("CREATE TRIGGER t AFTER UPDATE ON thing EXECUTE FUNCTION f()"), True),
        (migrations.RunSQL("CREATE FUNCTION f() AS $$ UPDATE thing SET lots = 1 $$"), True),
        (migrations.RunSQL("CREATE TRIGGER t BEFORE UPDATE OR DELETE ON thing …"), True),
    ],
)
def test_what_disturbs_nobody_is_not_found(operation, is_atomic):
    assert breaches(operation, atomic=is_atomic) == []


def test_a_table_of_the_same_release_may_be_made_as_it_needs_to_be():
    made = migrations.CreateModel("Fresh", [("lots", models.BigIntegerField())])
    index = migrations.AddIndex("fresh", models.Index(fields=["lots"], name="fresh_lots"))
    assert breaches(made, index) == []
    assert breaches(CreateTables([made]), index) == []
