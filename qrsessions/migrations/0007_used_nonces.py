from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('qrsessions', '0006_check_events'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsedNonce',
            fields=[
                ('nonce', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('arrived_at', models.DateTimeField()),
            ],
            options={"verbose_name": "used scan code", "verbose_name_plural": "used scan codes"},
        ),
    ]
