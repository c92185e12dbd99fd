from django.apps import AppConfig


class PersistenceConfig(AppConfig):
    name = "persistence"
    verbose_name = "Persistence"

    def import_models(self) -> None:
        """Those of rooms that have their own, too."""
        super().import_models()
        from persistence.downloads import models as downloads  # noqa: F401
        from persistence.sealing import models as sealing  # noqa: F401

    def ready(self) -> None:
        from persistence import signals  # noqa: F401  connects the receivers
