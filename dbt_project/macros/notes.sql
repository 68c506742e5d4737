{# The words of contact notes, a row for each language that `stats.notes_language` knows. In a sentence {name} is the
   campaign, {dd}, {mm} and {yyyy} when it was sent, {n} a number. #}
{% macro notes_words() -%}
select *
from (
    values
    (
        'en', 'Sent "{name}" on {yyyy}-{mm}-{dd}', 'Sent "{name}" {n} times, last on {yyyy}-{mm}-{dd}', 'Sent "{name}"',
        'opened once', 'opened {n} times', 'not opened', 'unclear whether opened',
        'clicked 1 link', 'clicked {n} links',
        'not delivered (the address no longer works)', 'not delivered (a temporary problem)',
        'opted out', 'reported as spam'
    ),
    (
        'da', 'Sendt "{name}" den {dd}.{mm}.{yyyy}', 'Sendt "{name}" {n} gange, senest den {dd}.{mm}.{yyyy}', 'Sendt "{name}"',
        'åbnet 1 gang', 'åbnet {n} gange', 'ikke åbnet', 'uvist om åbnet',
        'klikket på 1 link', 'klikket på {n} links',
        'ikke leveret (adressen virker ikke længere)', 'ikke leveret (midlertidig fejl)',
        'afmeldt', 'anmeldt som spam'
    ),
    (
        'nl', '"{name}" verzonden op {dd}-{mm}-{yyyy}', '"{name}" {n} keer verzonden, laatst op {dd}-{mm}-{yyyy}', '"{name}" verzonden',
        '1 keer geopend', '{n} keer geopend', 'niet geopend', 'onduidelijk of geopend',
        'op 1 link geklikt', 'op {n} links geklikt',
        'niet bezorgd (het adres werkt niet meer)', 'niet bezorgd (tijdelijk probleem)',
        'afgemeld', 'als spam gemeld'
    ),
    (
        'sv', 'Skickade "{name}" {yyyy}-{mm}-{dd}', 'Skickade "{name}" {n} gånger, senast {yyyy}-{mm}-{dd}', 'Skickade "{name}"',
        'öppnat 1 gång', 'öppnat {n} gånger', 'inte öppnat', 'oklart om öppnat',
        'klickat på 1 länk', 'klickat på {n} länkar',
        'inte levererat (adressen fungerar inte längre)', 'inte levererat (tillfälligt fel)',
        'avprenumererat', 'anmält som skräppost'
    ),
    (
        'it', 'Inviata "{name}" il {dd}/{mm}/{yyyy}', 'Inviata "{name}" {n} volte, l''ultima il {dd}/{mm}/{yyyy}', 'Inviata "{name}"',
        'aperta 1 volta', 'aperta {n} volte', 'non aperta', 'apertura incerta',
        'cliccato 1 link', 'cliccati {n} link',
        'non consegnata (l''indirizzo non funziona più)', 'non consegnata (problema temporaneo)',
        'disiscrizione', 'segnalata come spam'
    )
) as words (
    language, sent_once, sent_often, sent_some_day,
    opened_once, opened_often, not_opened, opened_by_machine,
    clicked_one, clicked_many,
    bounced_hard, bounced_soft,
    opted_out, complained
)
{%- endmacro %}

{# The sentence with the day in the place of {dd}, {mm} and {yyyy}: a format of strftime must be the same for all rows. #}
{% macro dated(moment, sentence) -%}
replace(replace(replace({{ sentence }}, '{dd}', strftime({{ moment }}, '%d')), '{mm}', strftime({{ moment }}, '%m')), '{yyyy}', strftime({{ moment }}, '%Y'))
{%- endmacro %}
