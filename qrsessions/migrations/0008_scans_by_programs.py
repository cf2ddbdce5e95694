from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('qrsessions', '0007_used_nonces'),
    ]

    operations = [
        migrations.AddField(
            model_name='refusedscan',
            name='by_program',
            field=models.BooleanField(db_default=False, default=False, verbose_name='by a program'),
        ),
    ]
