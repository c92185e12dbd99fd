import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
application = get_wsgi_application()

from common.postgres.waiting import limit_waiting  # noqa: E402

# Pages are there before the first request, and before others are forked of this process; like
# what `exchange_site.apps` sees loaded, they stay.
gc.disable()
from exchange_site import urls  # noqa: E402, F401

gc.freeze()
gc.enable()
limit_waiting()
