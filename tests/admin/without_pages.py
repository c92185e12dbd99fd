"""Models that the admin lists nowhere."""

# Why a model has no page of its own.
WITHOUT_A_PAGE = {
    "sums of rows that have one, and keys of several columns, which the admin doesn't know": """
        trading.Candle trading.PriceCandle trading.MarketStanding trading.TierDay trading.TraderDay
        trading.DailyRun trading.OrderName ledger.AccountFlow
        ledger.JournalMoment ledger.BalanceMark ledger.KindFlow ledger.KindFlowEnd
        custody.FloatPart persistence.SealedMarket persistence.SealedPosition
        persistence.SealedTotal persistence.CarriedOrder
        ledger.ArchivedAccount ledger.ArchivedHold trading.ArchivedTrader trading.ArchivedMarket
        trading.ArchivedOrder
        """,
    "told by `manage.py archivepartitions --list`": "ledger.ArchiveFile ledger.ArchiveStep",
    "told on pages of the console": """
        accounts.Freeze accounts.StaffSession accounts.Invitation accounts.Departure
        accounts.Factor accounts.RecoveryCode approvals.ApprovalRule trading.MarketVersion
        trading.ReferralRule ledger.TransferRule ledger.WithdrawalStep ledger.WithdrawalAddress
        ledger.WithdrawalLimit ledger.SendingStop custody.DepositAddress custody.FloatLook
        custody.FloatMovement persistence.JournalSeal
        """,
    "told on the page of what they belong to": "trading.AlgoSlice",
    "told to traders as it happens; the page of the algo has how it stands": "trading.AlgoEvent",
    "of a moment, or a place in a list": """
        accounts.ServedRequest accounts.PasskeyChallenge accounts.ResetRequest
        accounts.PasswordReset gateway.StopAsOrder trading.LiquidationsTold
        trading.MarginCall trading.UnsentMarket trading.LastTrade trading.TradeStretch
        custody.CustodyNews custody.PollCursor
        """,
}
