from django.db import migrations

# What was there before the triggers: all that rows count for, less what triggers have added since.
# One statement sees one instant, and at each instant both are there or neither, so nobody has to
# wait for it.
PARTS_BEFORE = """
INSERT INTO custody_floatpart (network, float_units, credited_units, coming_units, sent_units)
SELECT network, sum(float_units), sum(credited_units), sum(coming_units), sum(sent_units)
  FROM (SELECT network, amount_units, 0, 0, 0 FROM custody_floatmovement
         UNION ALL
        SELECT network, 0,
               CASE state WHEN 'credited' THEN amount_units ELSE 0 END,
               CASE state WHEN 'seen' THEN amount_units ELSE 0 END, 0
          FROM custody_chaindeposit
         UNION ALL
        SELECT network, 0, 0, 0, amount_units
          FROM ledger_withdrawal WHERE state IN ('sent', 'confirmed')
         UNION ALL
        SELECT network, -float_units, -credited_units, -coming_units, -sent_units
          FROM custody_floatpart
       ) AS counted (network, float_units, credited_units, coming_units, sent_units)
 GROUP BY network
"""


class Migration(migrations.Migration):

    dependencies = [
        ('custody', '0002_float_parts'),
    ]

    operations = [
        migrations.RunSQL(PARTS_BEFORE, migrations.RunSQL.noop),
    ]
