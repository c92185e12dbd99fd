from django.urls import path

from custody.http import addresses, deposits, webhooks

urlpatterns = [
    path("user/withdrawal-addresses", addresses.BookView.as_view()),
    path("user/withdrawal-addresses/<int:address_id>", addresses.BookEntryView.as_view()),
    path("user/deposit-addresses", addresses.DepositAddressesView.as_view()),
    path("user/deposits", deposits.DepositsView.as_view()),
    path("custody/webhooks/<str:network>", webhooks.WebhookView.as_view()),
]
