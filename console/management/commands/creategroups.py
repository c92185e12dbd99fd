from typing import Any

from django.core.management.base import BaseCommand

from console.groups import create_groups


class Command(BaseCommand):
    help = "Make the groups of operators (viewer, support, risk, treasury), or restore them."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for name, permissions in create_groups().items():
            self.stdout.write(f"{name}: {permissions} permissions")
