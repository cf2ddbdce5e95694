"""Seals of registers, which nobody can change or delete; and held meetings can no longer be deleted.

Only new tables and a trigger: nothing is read or rewritten. The registers that are there are sealed afterwards, by
``manage.py seal_registers``.
"""

import attendance.models.public_ids
import django.db.models.deletion
from django.db import migrations, models

FOR_GOOD = """
CREATE FUNCTION attendance_refuse_seal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seals are neither changed nor deleted' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER for_good BEFORE UPDATE OR DELETE ON attendance_registerseal
    FOR EACH ROW EXECUTE FUNCTION attendance_refuse_seal_change();
CREATE TRIGGER for_good BEFORE UPDATE OR DELETE ON attendance_sealedexport
    FOR EACH ROW EXECUTE FUNCTION attendance_refuse_seal_change();
"""
FOR_GOOD_REVERSED = """
DROP TRIGGER for_good ON attendance_sealedexport;
DROP TRIGGER for_good ON attendance_registerseal;
DROP FUNCTION attendance_refuse_seal_change();
"""

# Also one that was cancelled after it was held, or reopened.
KEEP_HELD = """
CREATE FUNCTION attendance_keep_held_meeting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a meeting that was held is not deleted, only cancelled' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER keep_held BEFORE DELETE ON attendance_meeting
    FOR EACH ROW WHEN (OLD.roster_fixed_at IS NOT NULL AND OLD.state <> 'discarded')
    EXECUTE FUNCTION attendance_keep_held_meeting();
"""
KEEP_HELD_REVERSED = """
DROP TRIGGER keep_held ON attendance_meeting;
DROP FUNCTION attendance_keep_held_meeting();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('attendance', '0037_course_departments'),
    ]

    operations = [
        migrations.CreateModel(
            name='RegisterSeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('made_at', models.DateTimeField(verbose_name='sealed')),
                ('is_whole', models.BooleanField(verbose_name='whole register')),
                ('content', models.TextField(verbose_name='content')),
                ('key_id', models.CharField(max_length=8, verbose_name='key')),
                ('mac', models.CharField(max_length=64, verbose_name='MAC')),
                ('meeting', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='seals', to='attendance.meeting', verbose_name='meeting')),
                ('section', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='seals', to='attendance.section', verbose_name='section')),
            ],
            options={
                'verbose_name': 'seal of a register',
                'verbose_name_plural': 'seals of registers',
                'constraints': [models.UniqueConstraint(fields=('section', 'number'), name='register_seal_number')],
            },
        ),
        migrations.CreateModel(
            name='SealedExport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(default=attendance.models.public_ids.new_export_code, max_length=10, unique=True, verbose_name='code')),
                ('first_day', models.DateField(null=True, verbose_name='first day')),
                ('last_day', models.DateField(null=True, verbose_name='last day')),
                ('made_at', models.DateTimeField(verbose_name='exported')),
                ('last_seal', models.PositiveIntegerField(verbose_name='number of the last seal')),
                ('last_mac', models.CharField(blank=True, max_length=64, verbose_name='MAC of the last seal')),
                ('key_id', models.CharField(max_length=8, verbose_name='key')),
                ('mac', models.CharField(max_length=64, verbose_name='MAC')),
                ('section', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='attendance.section', verbose_name='section')),
            ],
            options={
                'verbose_name': 'exported register',
                'verbose_name_plural': 'exported registers',
                'constraints': [models.CheckConstraint(condition=models.Q(('code__regex', '^[0-9A-HJKMNP-TV-Z]{10}$')), name='sealed_export_code')],
            },
        ),
        migrations.RunSQL(FOR_GOOD, FOR_GOOD_REVERSED),
        migrations.RunSQL(KEEP_HELD, KEEP_HELD_REVERSED),
    ]
